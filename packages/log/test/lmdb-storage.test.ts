import { readFileSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger, createTestClock } from '@milena/runtime';
import { createLmdbLog } from '../src/lmdb/index.ts';
import { readBeyond } from '../src/lmdb/layout.ts';
import { openStorage } from '../src/lmdb/storage.ts';
import type { MessageLog } from '../src/message-log.ts';
import type { TopicSpec } from '../src/topics.ts';
import { collect, record, records, TOPIC, until } from './conformance/harness.ts';
import { newDirectory, runFixture } from './lmdb-hooks.ts';

const HOUR_MS = 3_600_000;
const table = (groups: string[], name = TOPIC): TopicSpec[] => [{ name, retentionMs: HOUR_MS, groups }];

describe('the log on LMDB', () => {
  const clock = createTestClock();
  const opened: MessageLog[] = [];
  let path = '';
  const warnings: Record<string, unknown>[] = [];
  const logger = createLogger({
    service: 'test',
    level: 'warn',
    destination: { write: (line) => warnings.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const open = async (topics: readonly TopicSpec[], partitions = 4): Promise<MessageLog> => {
    const log = await createLmdbLog({ path, topics, partitions, clock, logger });
    opened.push(log);
    return log;
  };
  const lag = async (log: MessageLog, group: string): Promise<number> =>
    (await log.lag(group, [TOPIC]))[0]!.records;
  /** Records that are still stored: a group that never consumed anything is behind by exactly those. */
  const stored = (log: MessageLog): Promise<number> => lag(log, 'nobody');
  const fileBytes = async (): Promise<number> => (await stat(join(path, 'data.mdb'))).size;

  beforeEach(async () => {
    path = await newDirectory();
    warnings.length = 0;
  });
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close();
    await rm(path, { recursive: true, force: true });
  });

  it('writes what is appended without waiting for the event loop to turn', async () => {
    const log = await open(table([]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const durable = log.append([record(0, 'appended while the loop is busy')]);
    for (let microtask = 0; microtask < 20; microtask += 1) await Promise.resolve();
    const givenUpAt = performance.now() + 10_000;
    const written = (): boolean => readFileSync(join(path, 'data.mdb')).includes('while the loop is busy');
    while (!written()) expect(performance.now()).toBeLessThan(givenUpAt);
    await durable;
  });

  it('removes a record once every group of its topic has committed it, and not before', async () => {
    const log = await open(table(['one', 'two']));
    await log.append(records(0, 10));
    await (await collect(log, { group: 'one', ack: true })).count(10);
    clock.advance(1_000);
    await log.append([record(1, 'another commit')]);
    expect(await stored(log)).toBe(11);
    await (await collect(log, { group: 'two', ack: true })).count(11);
    clock.advance(1_000);
    await until('all are gone', async () => (await stored(log)) === 0);
  });

  it('a group of the topic that never consumed keeps its records, over a restart too', async () => {
    const log = await open(table(['g', 'late']));
    await log.append(records(0, 10));
    await (await collect(log, { ack: true })).count(10);
    clock.advance(1_000);
    await log.close();
    const again = await open(table(['g', 'late']));
    const late = await collect(again, { group: 'late' });
    await late.count(10);
  });

  it('a commit mark is on the disk at the latest 100 ms after the ack, without a stop', async () => {
    const log = await open(table(['g']));
    await log.append(records(0, 10));
    await (await collect(log, { ack: true })).count(10);
    const before = await stored(log);
    clock.advance(100);
    await until('the commit ran', async () => (await stored(log)) < before);
  });

  it('records that nobody consumes go when they are older than their topic keeps them', async () => {
    const log = await open(table(['never']));
    await log.append(records(0, 5));
    clock.advance(HOUR_MS / 2);
    await log.append(records(0, 3));
    clock.advance(HOUR_MS / 2 + 60_000);
    clock.advance(1_000);
    await until('the old ones are gone', async () => (await stored(log)) === 3);
    expect(warnings).toContainEqual(expect.objectContaining({ event: 'log.records_expired', records: 5 }));
    const late = await collect(log, { group: 'never' });
    await late.count(3);
    expect(late.values()).toEqual(['0', '1', '2']);
  });

  it('the file does not grow with what has passed through it', async () => {
    const log = await open(table(['one', 'two']));
    await collect(log, {
      group: 'one',
      onRecord: (consumed) => {
        consumed.ack();
      },
    });
    await collect(log, {
      group: 'two',
      onRecord: (consumed) => {
        consumed.ack();
      },
    });
    const value = Buffer.alloc(1024, 'x');
    const push = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 200) {
        await log.append(Array.from({ length: 200 }, (_, i) => record(i % 4, value)));
        await until('the backlog is small', async () => {
          if ((await stored(log)) < 1_000) return true;
          // What did not ride along with an append goes by itself, in time.
          clock.advance(100);
          return false;
        });
        clock.advance(100);
      }
    };
    await push(5_000);
    const early = await fileBytes();
    await push(30_000);
    expect(await fileBytes()).toBeLessThan(early * 1.5);
    expect(await fileBytes()).toBeLessThan(8 * 1024 * 1024);
  });

  it('another partition count on the same directory is an error that says what to do', async () => {
    const log = await open(table(['g']), 4);
    await log.append([record(0, 'a')]);
    await log.close();
    await expect(open(table(['g']), 8)).rejects.toThrow(
      /made with 4 partitions, but 8 .* start with 4 partitions/s,
    );
    await expect(open(table(['g']), 4)).resolves.toBeDefined();
  });

  it('a topic that left the table is warned about while it holds records, and is back when configured again', async () => {
    const both = [...table(['g']), ...table(['g'], 'deliveries.later')];
    const log = await open(both);
    await log.append([record(0, 'kept', { topic: 'deliveries.later' })]);
    await log.close();
    expect(warnings).toEqual([]);

    const without = await open(table(['g']));
    expect(warnings).toEqual([
      expect.objectContaining({ event: 'log.topic_orphaned', topic: 'deliveries.later', records: 1 }),
    ]);
    await expect(without.append([record(0, 'x', { topic: 'deliveries.later' })])).rejects.toThrow(/no topic/);
    await without.close();

    const back = await open(both);
    const { values, count } = await collect(back, { topics: ['deliveries.later'] });
    await count(1);
    expect(values()).toEqual(['kept']);
  });

  it('a disk that refuses fails the append, not the consumers; with room again appends are taken', async () => {
    const output = await runFixture('append-until-refused.ts', [path], { maxFileKilobytes: 3_000 });
    const seen = JSON.parse(output) as Record<string, number | boolean>;
    expect(seen['accepted']).toBeGreaterThan(5);
    expect(seen['accepted']).toBeLessThan(31);
    expect(seen['consumed']).toBeGreaterThanOrEqual(Number(seen['accepted']));
    expect(seen['triesUntilAccepted']).toBeLessThan(10);
  });

  it('refuses when more is waiting for the disk than it may keep in memory', async () => {
    const log = await createLmdbLog({
      ...{ path, topics: table(['g']), partitions: 4, clock },
      limits: { pendingAppendBytes: 10_000 },
    });
    opened.push(log);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => log.append([record(0, Buffer.alloc(1_000))])),
    );
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused.length).toBeLessThan(20);
    const { count } = await collect(log);
    await count(20 - refused.length);
    await log.append([record(0, Buffer.alloc(20_000))]);
    await count(21 - refused.length);
  });

  it('an offset of a record that is done is never given again, also when all records became too old', async () => {
    const log = await open(table(['g']));
    await log.append(records(0, 10));
    const first = await collect(log);
    await first.count(10);
    for (const consumed of first.got.slice(3)) consumed.ack();
    await first.consumer.stop();
    clock.advance(HOUR_MS + 60_000);
    clock.advance(1_000);
    await until('all are gone', async () => (await stored(log)) === 0);
    await log.close();

    const again = await open(table(['g']));
    await again.append(records(0, 10));
    const second = await collect(again);
    await second.count(10);
    expect(second.got.map(({ offset }) => Number(offset))).toEqual(records(0, 10).map((_, n) => 10 + n));
  });

  it('what is done beyond a mark is stored no longer than it lies beyond it', async () => {
    const beyond = (): number => {
      const storage = openStorage(path);
      const found = readBeyond(storage).get('g')?.size ?? 0;
      void storage.close();
      return found;
    };
    const log = await open(table(['g']));
    await log.append([...records(0, 3), ...records(1, 3)]);
    const first = await collect(log);
    await first.count(6);
    for (const consumed of first.got) if (consumed.value.toString() === '1') consumed.ack();
    await log.close();
    expect(beyond()).toBe(2);

    const again = await open(table(['g']));
    const second = await collect(again);
    await second.count(4);
    second.got.find(({ partition, value }) => partition === 0 && value.toString() === '0')!.ack();
    await again.close();
    expect(beyond()).toBe(1);
  });
});
