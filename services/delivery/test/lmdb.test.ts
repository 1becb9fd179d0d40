import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createDeliveryService } from '@milena/delivery';
import { decodeDeadLetter, decodeLogEntries, encodeDelivery, newId, type Attempt } from '@milena/domain';
import type { PostRequest } from '@milena/egress';
import {
  DEAD_LETTER,
  DELIVERIES,
  DELIVERY_LOG,
  GROUPS,
  partitionOf,
  topicTable,
  type MessageLog,
} from '@milena/log';
import { createLmdbLog } from '@milena/log/lmdb';
import { createLogger, createMetrics, createTestClock, systemClock } from '@milena/runtime';
import { answer, CONFIG, status, subscriptionOf } from './world.ts';

const PARTITIONS = 4;
const DELAYS = [20, 40, 60, 80, 100].map((ms) => ({ text: `${ms}ms`, ms }));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** On the log that the all-in-one runs on, with real time. */
describe('over the LMDB log', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'milena-delivery-'));
  const attempts: Attempt[] = [];
  const deadLetters: string[] = [];
  const posts: (PostRequest & { at: number })[] = [];
  const still = createTestClock(Date.now());
  const well = subscriptionOf(still);
  const sick = subscriptionOf(still);
  const lives = new Map(
    [well, sick].map((subscription) => [
      subscription.id,
      { subscription, secrets: [], cancelled: new Set<string>() },
    ]),
  );
  let log: MessageLog;

  beforeAll(async () => {
    const topics = topicTable(DELAYS.map((delay) => delay.text));
    log = await createLmdbLog({ path: directory, topics, partitions: PARTITIONS, clock: systemClock });
    await log.consume({
      group: GROUPS.recorderLog,
      topics: [DELIVERY_LOG],
      onRecord: (record) => {
        for (const entry of decodeLogEntries(record)) {
          if (entry.kind === 'attempt') attempts.push(entry.attempt);
        }
        record.ack();
      },
    });
    await log.consume({
      group: GROUPS.recorderDeadLetters,
      topics: [DEAD_LETTER],
      onRecord: (record) => {
        deadLetters.push(decodeDeadLetter(record).delivery.delivery_id);
        record.ack();
      },
    });
  });
  afterAll(async () => {
    await log.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function worker() {
    return createDeliveryService({
      log,
      clock: systemClock,
      random: Math.random,
      worker: 'worker-1',
      metrics: createMetrics(),
      logger: createLogger({ service: 'delivery', level: 'silent' }),
      config: { ...CONFIG, retryDelays: DELAYS },
      directory: {
        get: (id) => Promise.resolve(lives.get(id) ?? null),
        ofTenant: () => Promise.resolve([]),
        invalidate: () => Promise.resolve(),
        close: () => Promise.resolve(),
      },
      health: { setHealth: () => Promise.resolve(), disable: () => Promise.resolve(true) },
      post: async (request) => {
        posts.push({ ...request, at: Date.now() });
        await new Promise((resolve) => setTimeout(resolve, request.url.includes('slow') ? 50 : 5));
        const code = request.url === sick.target_url ? 404 : 200;
        return { ...(code === 200 ? answer(still) : status(still, code)), started_at: Date.now() };
      },
    });
  }

  function twoOfOnePartition(): [string, string] {
    const first = newId(Date.now());
    for (;;) {
      const second = newId(Date.now());
      if (partitionOf(first, PARTITIONS) === partitionOf(second, PARTITIONS)) return [first, second];
    }
  }

  function record(subscription_id: string) {
    const now = Date.now();
    const ids = { delivery_id: newId(now), event_id: newId(now), tenant_id: 'default', subscription_id };
    const event = { event_type: null, content_type: 'application/json', accepted_at: now, traceparent: null };
    const motion = {
      attempt: 1,
      due_at: null,
      deferrals: 0,
      may_repeat: false,
      replay_of: null,
      resumed_at: null,
      target_url: null,
      payload: Buffer.from('{"n": 1}'),
    };
    return { topic: DELIVERIES, ...encodeDelivery({ ...ids, ...event, ...motion }) };
  }

  it('a graceful stop in the middle makes no duplicate and loses nothing', async () => {
    const records = Array.from({ length: 500 }, () => record(well.id));
    await log.append(records);
    const first = worker();
    await first.start();
    await until(() => posts.length > 100);
    await first.stop();
    const done = posts.length;
    expect(done).toBeLessThan(500);
    const second = worker();
    await second.start();
    await until(() => attempts.length >= 500);
    await second.stop();
    expect(new Set(posts.map((post) => post.headers['x-milena-delivery-id'])).size).toBe(500);
    expect(posts).toHaveLength(500);
    expect(attempts).toHaveLength(500);
  });

  it('a stop repeats nothing of a quick endpoint, though a slow one has records before it in the log', async () => {
    const [first, second] = twoOfOnePartition();
    const slow = subscriptionOf(still, { id: first, max_in_flight: 1, target_url: 'https://slow.example/' });
    const quick = subscriptionOf(still, { id: second });
    for (const subscription of [slow, quick])
      lives.set(subscription.id, { subscription, secrets: [], cancelled: new Set() });
    posts.length = 0;
    await log.append(Array.from({ length: 40 }, (_, n) => record(n % 2 === 0 ? slow.id : quick.id)));
    const before = worker();
    await before.start();
    const sentTo = (url: string) => posts.filter((post) => post.url === url).length;
    await until(() => sentTo(quick.target_url) === 20);
    await before.stop();
    expect(sentTo(slow.target_url)).toBeLessThan(20);
    const after = worker();
    await after.start();
    await until(() => sentTo(slow.target_url) >= 20);
    await after.stop();
    expect(new Set(posts.map((post) => post.headers['x-milena-delivery-id'])).size).toBe(40);
    expect(posts).toHaveLength(40);
  });

  it('a failing endpoint gets six attempts at rising intervals, never early', async () => {
    posts.length = 0;
    attempts.length = 0;
    const failing = record(sick.id);
    await log.append([failing]);
    const service = worker();
    await service.start();
    await until(() => deadLetters.length > 0);
    await service.stop();
    expect(deadLetters).toEqual([failing.headers['delivery-id']]);
    expect(posts).toHaveLength(6);
    for (const [i, delay] of DELAYS.entries()) {
      expect(posts[i + 1]!.at - posts[i]!.at).toBeGreaterThanOrEqual(delay.ms);
    }
    await until(() => attempts.length === 6);
    expect(attempts.map((attempt) => attempt.outcome)).toEqual([
      ...Array(5).fill('failed_attempt'),
      'failure',
    ]);
  });
});
