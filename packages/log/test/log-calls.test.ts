import { rm } from 'node:fs/promises';
import { MessageChannel } from 'node:worker_threads';
import { createTestClock, createThreadCalls } from '@milena/runtime';
import {
  answersOfLog,
  createLogOfOtherThread,
  LogUnavailableError,
  type ConsumedRecord,
  type LogRecord,
  type ProducerLog,
} from '../src/index.ts';
import { createLmdbLog } from '../src/lmdb/index.ts';
import { newDirectory } from './lmdb-hooks.ts';

function across(log: ProducerLog) {
  const { port1, port2 } = new MessageChannel();
  createThreadCalls(port2, answersOfLog(log));
  return {
    log: createLogOfOtherThread(createThreadCalls(port1, {})),
    close: () => {
      port1.close();
    },
  };
}

const refusing = (error: Error): ProducerLog => ({
  append: () => Promise.reject(error),
  lag: () => Promise.reject(error),
  retryTopics: () => Promise.reject(error),
  ping: () => Promise.reject(error),
});

describe('a log in another thread', () => {
  it('takes records as they are, and leaves them to who appends them', async () => {
    const path = await newDirectory();
    const topics = [{ name: 'a', retentionMs: 60_000, groups: ['g'] }];
    const clock = createTestClock();
    const log = await createLmdbLog({ path, topics, partitions: 3, clock });
    const other = across(log);
    const records: LogRecord[] = [
      { topic: 'a', key: 'k', value: Buffer.from('eins'), headers: { one: '1', 'may-repeat': '1' } },
      { topic: 'a', key: 'k', value: Buffer.alloc(0), headers: {} },
      { topic: 'a', key: 'k', value: Buffer.alloc(20_000, 7), headers: { two: 'ü' } },
      // A part of a larger piece of memory, as Node gives out small buffers.
      { topic: 'a', key: 'k', value: Buffer.from('ein ganzer Satz').subarray(4, 10), headers: {} },
    ];
    await other.log.append(records);
    expect(records[0]?.value.toString()).toBe('eins');

    const got: ConsumedRecord[] = [];
    await log.consume({ group: 'g', topics: ['a'], onRecord: (record) => void got.push(record) });
    while (got.length < records.length) await new Promise((resolve) => setImmediate(resolve));
    expect(got.map(({ topic, key, value, headers }) => ({ topic, key, value, headers }))).toEqual(records);

    const lag = await other.log.lag('g', ['a']);
    expect(lag).toEqual(await log.lag('g', ['a']));
    expect(lag[0]?.records).toBe(records.length);
    await other.log.ping();
    other.close();
    await log.close();
    await rm(path, { recursive: true });
  });

  it('refuses as that log does, and tells whether the records may be in it', async () => {
    for (const maybeAppended of [true, false]) {
      const other = across(refusing(new LogUnavailableError('The disk is full.', { maybeAppended })));
      const error: unknown = await other.log.append([]).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LogUnavailableError);
      expect(error).toMatchObject({ message: 'The disk is full.', maybeAppended });
      await expect(other.log.ping()).rejects.toBeInstanceOf(LogUnavailableError);
      await expect(other.log.lag('g', ['a'])).rejects.toBeInstanceOf(LogUnavailableError);
      other.close();
    }
  });

  it('passes on any other error as what it is', async () => {
    const other = across(refusing(new TypeError('no such topic')));
    const error: unknown = await other.log.append([]).catch((reason: unknown) => reason);
    expect(error).not.toBeInstanceOf(LogUnavailableError);
    expect(error).toMatchObject({ name: 'TypeError', message: 'no such topic' });
    other.close();
  });
});
