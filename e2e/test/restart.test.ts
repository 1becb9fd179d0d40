import { removeDataDir, startAllInOne, temporaryDataDir } from '@milena/testing';
import { createClient, eventually } from '../src/client.ts';

describe('a restart', () => {
  it('keeps subscriptions, history and the due times of retries', async () => {
    const dataDir = temporaryDataDir();
    const env = { RETRY_DELAYS: '4s', SECRETS_KEY: '' };
    let milena = await startAllInOne({ dataDir, env });
    try {
      let client = await createClient({ api: milena.api, ingest: milena.api });
      const id = await client.subscribe({
        target_url: `${milena.demo_receiver}/status/500`,
        secret: 'a-secret-of-mine',
      });
      const sent = await client.send('POST', `/api/v1/subscriptions/${id}/test`);
      const waiting = await eventually(
        () => client.get(`/api/v1/deliveries/${sent.json.delivery_id}`),
        (r) => r.json.status === 'retrying',
      );
      const dueAt = Date.parse(waiting.json.next_attempt_at);
      await client.send('PATCH', `/api/v1/subscriptions/${id}`, { target_url: `${milena.demo_receiver}/ok` });
      await milena.stop();

      milena = await startAllInOne({
        dataDir,
        env: { ...env, DEMO_RECEIVER_PORT: new URL(milena.demo_receiver).port },
      });
      client = await createClient({ api: milena.api, ingest: milena.api });
      const read = await client.get(`/api/v1/subscriptions/${id}`);
      expect(read.json.has_secret).toBe(true);
      const done = await eventually(
        () => client.get(`/api/v1/deliveries/${sent.json.delivery_id}`),
        (r) => r.json.status === 'delivered',
      );
      expect(done.json.attempts).toHaveLength(2);
      const last = done.json.attempts.find((a: { attempt_number: number }) => a.attempt_number === 2);
      expect(Date.parse(last.started_at)).toBeGreaterThanOrEqual(dueAt);
      await milena.stop();
    } finally {
      await milena.kill();
      removeDataDir(dataDir);
    }
  }, 120_000);

  it('by SIGTERM under load loses nothing and repeats nothing', async () => {
    const dataDir = temporaryDataDir();
    let milena = await startAllInOne({ dataDir });
    const accepted: { event_id: string; delivery_id: string }[] = [];
    try {
      let client = await createClient({ api: milena.api, ingest: milena.api });
      const id = await client.subscribe({ target_url: `${milena.demo_receiver}/slow?ms=20` });
      for (let i = 0; i < 300; i += 1) accepted.push((await client.ingest(id, `{"i":${i}}`)).json);
      const before = (await (await fetch(`${milena.demo_receiver}/count`)).json()) as { requests: number };
      await milena.stop();

      milena = await startAllInOne({
        dataDir,
        env: { DEMO_RECEIVER_PORT: new URL(milena.demo_receiver).port },
      });
      client = await createClient({ api: milena.api, ingest: milena.api });
      const list = async (status: string): Promise<number> => {
        let count = 0;
        let cursor: string | null = null;
        do {
          const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
          const { json } = await client.get(
            `/api/v1/subscriptions/${id}/deliveries?status=${status}&limit=100${next}`,
          );
          count += json.data.length;
          cursor = json.next_cursor;
        } while (cursor !== null);
        return count;
      };
      await eventually(
        () => list('delivered'),
        (count) => count === accepted.length,
      );
      const attempts = await Promise.all(
        accepted.map(
          async (a) =>
            (await client.get(`/api/v1/deliveries/${a.delivery_id}/attempts`)).json.data.length as number,
        ),
      );
      expect(attempts.filter((count) => count !== 1)).toEqual([]);
      expect(before.requests).toBeGreaterThan(0);
      await milena.stop();
    } finally {
      await milena.kill();
      removeDataDir(dataDir);
    }
  }, 120_000);
});
