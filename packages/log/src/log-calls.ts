import type { Answers, ThreadCalls } from '@milena/runtime';
import { LogUnavailableError, type GroupLag, type LogRecord, type MessageLog } from './message-log.ts';

/** What a thread needs of a log that consumes nothing. */
export type ProducerLog = Pick<MessageLog, 'append' | 'lag' | 'retryTopics' | 'ping'>;

/** Records with their values side by side in one piece of memory, which changes hands instead of being copied. */
interface Packed {
  values: ArrayBuffer;
  records: { topic: string; key: string; headers: Record<string, string>; bytes: number }[];
}

function pack(records: readonly LogRecord[]): Packed {
  const total = records.reduce((sum, { value }) => sum + value.length, 0);
  const values = new Uint8Array(total);
  let at = 0;
  for (const { value } of records) {
    values.set(value, at);
    at += value.length;
  }
  return {
    values: values.buffer,
    records: records.map(({ topic, key, headers, value }) => ({ topic, key, headers, bytes: value.length })),
  };
}

function unpack({ values, records }: Packed): LogRecord[] {
  let at = 0;
  return records.map(({ topic, key, headers, bytes }) => {
    const value = Buffer.from(values, at, bytes);
    at += bytes;
    return { topic, key, headers, value };
  });
}

/** In the thread that has the log. */
export function answersOfLog(log: ProducerLog): Answers {
  return {
    'log.append': (packed: Packed) => log.append(unpack(packed)),
    'log.lag': ({ group, topics }: { group: string; topics: readonly string[] }) => log.lag(group, topics),
    'log.retryTopics': () => log.retryTopics(),
    'log.ping': () => log.ping(),
  };
}

/** An error of the log with its class again. */
function restored(error: unknown): unknown {
  const { name, message, maybeAppended, cause, stack } = error as LogUnavailableError;
  if (name !== 'LogUnavailableError') return error;
  return Object.assign(new LogUnavailableError(message, { cause, maybeAppended }), { stack });
}

/** In every other thread: the log that `answersOfLog` gave to the one at the other end. */
export function createLogOfOtherThread(calls: Pick<ThreadCalls, 'call'>): ProducerLog {
  const call = async (name: string, argument?: unknown, transfer?: readonly ArrayBuffer[]) => {
    try {
      return await calls.call(name, argument, transfer);
    } catch (error) {
      throw restored(error);
    }
  };
  return {
    append: async (records) => {
      const packed = pack(records);
      await call('log.append', packed, [packed.values]);
    },
    lag: async (group, topics) => (await call('log.lag', { group, topics })) as GroupLag[],
    retryTopics: async () => (await call('log.retryTopics')) as string[],
    ping: async () => {
      await call('log.ping');
    },
  };
}
