import { writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import path from 'node:path';
import { type RunningAllInOne, removeDataDir, startAllInOne, temporaryDataDir } from '@milena/testing';
import { createClient, eventually } from '../src/client.ts';

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

/**
 * The system is ended by `end` when half of the events have been taken, and started anew: each that was answered with 202 comes
 * to its endpoint, and the history shows it.
 */
async function endInTheMiddle(
  events: number,
  end: (milena: RunningAllInOne) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const sink = await startSink();
  const dataDir = temporaryDataDir();
  const accepted = new Map<string, { event_id: string; delivery_id: string }>();
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  let milena: RunningAllInOne = await startAllInOne({ dataDir, env });
  try {
    let client = await createClient({ api: milena.api, ingest: milena.api });
    const ids: string[] = [];
    for (let i = 0; i < 10; i += 1) ids.push(await client.subscribe({ target_url: sink.url }));
    let next = 0;
    let ends = 0;
    const restart = async (): Promise<void> => {
      ends += 1;
      await end(milena);
      milena = await startAllInOne({ dataDir });
    };
    let restarting: Promise<void> | null = null;
    const sender = async (): Promise<void> => {
      for (let i = next++; i < events; i = next++) {
        if (restarting) await restarting;
        const n = `e${i}`;
        const reply = await post(
          agent,
          `${milena.api}/ingest/${ids[i % ids.length]!}`,
          JSON.stringify({ n, fill: 'x'.repeat(200) }),
        );
        if (reply?.status === 202) {
          accepted.set(n, JSON.parse(reply.text) as { event_id: string; delivery_id: string });
          if (ends === 0 && restarting === null && accepted.size >= events / 2) restarting = restart();
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, sender));
    expect(ends).toBe(1);
    expect(accepted.size).toBeGreaterThan(events * 0.9);
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
}

describe('kill -9 in the middle of 20,000 events', () => {
  it('delivers every event that was answered with 202; repeats carry the same webhook-id; the history shows each', async () => {
    await endInTheMiddle(20_000, (milena) => milena.kill());
  }, 240_000);
});

/** Fails in the thread of the deliveries as soon as the file is there. */
const FAILING_THREAD = `
const { existsSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
if (!isMainThread) setInterval(() => {
  if (existsSync(process.env.FAIL_ONCE_THERE_IS)) throw new Error('a bug in the thread');
}, 10);`;

describe('an error that nobody catches, in the thread of the deliveries, in the middle of 4,000 events', () => {
  it('ends the process and says why; the next one delivers every event that was answered with 202', async () => {
    const folder = temporaryDataDir();
    const [program, sign] = [path.join(folder, 'fails.cjs'), path.join(folder, 'now')];
    writeFileSync(program, FAILING_THREAD);
    const fail = async (milena: RunningAllInOne): Promise<void> => {
      writeFileSync(sign, '');
      await expect(milena.stop(() => undefined)).rejects.toThrow(/ended with 1/);
      expect(milena.output()).toContain('process.fault');
      expect(milena.output()).toContain('a bug in the thread');
    };
    try {
      await endInTheMiddle(4_000, fail, {
        NODE_OPTIONS: `--require ${program}`,
        FAIL_ONCE_THERE_IS: sign,
      });
    } finally {
      removeDataDir(folder);
    }
  }, 120_000);
});
