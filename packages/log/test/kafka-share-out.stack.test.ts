import { createTestClock } from '@milena/runtime';
import { openKafkaLog, type OpenedKafkaLog } from '../src/kafka/open.ts';
import type { ConsumedRecord, LogConsumer } from '../src/message-log.ts';
import { OPTIONS, PARTITIONS, record, TOPIC, until } from './conformance/harness.ts';
import { kafkaOptions, newPrefix, QUICK, removeTopics } from './kafka-hooks.ts';

const opened: OpenedKafkaLog[] = [];

async function open(prefix: string): Promise<OpenedKafkaLog> {
  const log = await openKafkaLog({ ...kafkaOptions(OPTIONS, prefix), clock: createTestClock() });
  opened.push(log);
  return log;
}

afterEach(async () => {
  const all = opened.splice(0);
  if (all[0] !== undefined) await removeTopics(all[0], OPTIONS).catch(() => undefined);
  await Promise.all(all.map(({ log }) => log.close()));
});

/** Appends to every partition all the time. */
function startLoad({ log }: OpenedKafkaLog) {
  let sent = 0;
  const over = new AbortController();
  const running = (async () => {
    while (!over.signal.aborted) {
      const value = String(sent);
      sent += 1;
      await log.append(Array.from({ length: PARTITIONS }, (_, partition) => record(partition, value)));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    end: async (): Promise<number> => {
      over.abort();
      await running;
      return sent * PARTITIONS;
    },
  };
}

const nameOf = ({ partition, value }: ConsumedRecord): string => `${partition}:${value.toString()}`;

test('a member that joins gets nothing that another has done, however many are under way', async () => {
  const prefix = newPrefix();
  const logs = [await open(prefix), await open(prefix), await open(prefix)];
  const done: string[] = [];
  let underWay = 0;
  const join = ({ log }: OpenedKafkaLog): Promise<LogConsumer> =>
    log.consume({
      group: 'g',
      topics: [TOPIC],
      onRecord: (one) => {
        underWay += 1;
        // What an attempt takes.
        setTimeout(() => {
          underWay -= 1;
          done.push(nameOf(one));
          one.ack();
        }, 60);
      },
    });
  const [first, ...others] = logs;
  await join(first!);
  const load = startLoad(first!);
  for (const other of others) {
    const before = done.length;
    await until('there is much to do', () => done.length > before + 200 && underWay > 5);
    await join(other);
  }
  const sent = await load.end();
  await until('all is done', () => new Set(done).size === sent && underWay === 0);
  expect(done).toHaveLength(sent);
});

test('what never ends does not hold up a share-out, and is given to its new owner', async () => {
  const prefix = newPrefix();
  const [first, second] = [await open(prefix), await open(prefix)];
  const got: string[][] = [[], []];
  const join = ({ log }: OpenedKafkaLog, member: number): Promise<LogConsumer> =>
    log.consume({
      group: 'g',
      topics: [TOPIC],
      onRecord: (one) => {
        got[member]!.push(nameOf(one));
      },
    });
  await join(first, 0);
  await first.log.append(Array.from({ length: PARTITIONS }, (_, partition) => record(partition, 'slow')));
  await until('all are out', () => got[0]!.length === PARTITIONS);
  const startedAt = performance.now();
  await join(second, 1);
  await until('half of them have moved', () => got[1]!.length === PARTITIONS / 2);
  expect(performance.now() - startedAt).toBeLessThan(QUICK.sessionTimeoutMs);
  await first.log.append(Array.from({ length: PARTITIONS }, (_, partition) => record(partition, 'next')));
  await until('both go on', () => got[0]!.length + got[1]!.length === 2.5 * PARTITIONS);
});
