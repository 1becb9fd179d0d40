import { Agent, request } from 'node:http';
import { createServer } from 'node:http';
import { type RunningAllInOne, removeDataDir, startAllInOne, temporaryDataDir } from '@milena/testing';
import { createClient, eventually } from '../src/client.ts';

const EVENTS = 20_000;
const CONCURRENCY = 50;

/** An endpoint outside the process under test, so that its counts survive the kill. */
async function startSink(): Promise<{
  url: string;
  seen: Map<string, Set<string>>;
  requests: Map<string, number>;
  close(): void;
}> {
  const seen = new Map<string, Set<string>>();
  const requests = new Map<string, number>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (c: Buffer) => chunks.push(c));
    req.on('end', () => {
      const { n } = JSON.parse(Buffer.concat(chunks).toString()) as { n: string };
      const ids = seen.get(n) ?? new Set();
      ids.add(String(req.headers['webhook-id']));
      seen.set(n, ids);
      const delivery = String(req.headers['x-milena-delivery-id']);
      requests.set(delivery, (requests.get(delivery) ?? 0) + 1);
      res.end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    seen,
    requests,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function post(agent: Agent, url: string, body: string): Promise<{ status: number; text: string } | null> {
  return new Promise((resolve) => {
    const req = request(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (res) => {
        let text = '';
        res.on('data', (c: Buffer) => (text += c.toString()));
        res.on('end', () => {
          resolve({ status: res.statusCode ?? 0, text });
        });
        res.on('error', () => {
          resolve(null);
        });
      },
    );
    req.on('error', () => {
      resolve(null);
    });
    req.end(body);
  });
}

describe('kill -9 in the middle of 20,000 events', () => {
  it('delivers every event that was answered with 202; repeats carry the same webhook-id; the history shows each', async () => {
    const sink = await startSink();
    const dataDir = temporaryDataDir();
    const accepted = new Map<string, { event_id: string; delivery_id: string }>();
    const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
    let milena: RunningAllInOne = await startAllInOne({ dataDir });
    try {
      let client = await createClient({ api: milena.api, ingest: milena.api });
      const ids: string[] = [];
      for (let i = 0; i < 10; i += 1) ids.push(await client.subscribe({ target_url: sink.url }));
      let next = 0;
      let kills = 0;
      const restart = async (): Promise<void> => {
        kills += 1;
        await milena.kill();
        milena = await startAllInOne({ dataDir });
      };
      let restarting: Promise<void> | null = null;
      const sender = async (): Promise<void> => {
        for (let i = next++; i < EVENTS; i = next++) {
          if (restarting) await restarting;
          const n = `e${i}`;
          const reply = await post(
            agent,
            `${milena.api}/ingest/${ids[i % ids.length]!}`,
            JSON.stringify({ n, fill: 'x'.repeat(200) }),
          );
          if (reply?.status === 202) {
            accepted.set(n, JSON.parse(reply.text) as { event_id: string; delivery_id: string });
            if (kills === 0 && restarting === null && accepted.size >= EVENTS / 2) restarting = restart();
          }
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, sender));
      expect(kills).toBe(1);
      expect(accepted.size).toBeGreaterThan(EVENTS * 0.9);
      await eventually(
        () => Promise.resolve([...accepted.keys()].filter((n) => !sink.seen.has(n)).slice(0, 5)),
        (missing) => missing.length === 0,
        60_000,
      );
      for (const [n, { event_id }] of accepted) expect([...sink.seen.get(n)!]).toEqual([event_id]);

      client = await createClient({ api: milena.api, ingest: milena.api });
      const repeated = [...sink.requests].filter(([, count]) => count > 1).slice(0, 10);
      const sample = [
        ...repeated.map(([id]) => id),
        ...[...accepted.values()].slice(-20).map((a) => a.delivery_id),
      ];
      for (const id of sample) {
        const read = await eventually(
          () => client.get(`/api/v1/deliveries/${id}`),
          (r) => r.json.status === 'delivered',
        );
        expect(read.json.attempts.length).toBeGreaterThanOrEqual(1);
      }
    } finally {
      agent.destroy();
      await milena.kill();
      removeDataDir(dataDir);
      sink.close();
    }
  }, 240_000);
});
