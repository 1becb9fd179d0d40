import { createTestClock } from '@milena/runtime';
import { encodeRuns } from '../src/done-runs.ts';
import { createClients, type KafkaClient } from '../src/kafka/clients.ts';
import { openKafkaLog, type OpenedKafkaLog } from '../src/kafka/open.ts';
import { collect, OPTIONS, record, TOPIC, until, type Collected } from './conformance/harness.ts';
import { kafkaOptions, newPrefix, removeTopics } from './kafka-hooks.ts';

let one: OpenedKafkaLog;
let client: KafkaClient;
const collected: Collected[] = [];
beforeEach(async () => {
  const options = { ...kafkaOptions(OPTIONS, newPrefix()), clock: createTestClock() };
  one = await openKafkaLog(options);
  client = createClients(options).create(5_000);
});
afterEach(async () => {
  // A consumer whose topic goes away ends on its own, and would still be at it after the last test.
  for (const { consumer } of collected.splice(0)) await consumer.stop();
  await removeTopics(one, OPTIONS);
  await one.log.close();
  client.kill();
});

/** A consumer that is stopped after the test. */
async function startConsumer(options?: { ack: boolean }): Promise<Collected> {
  const started = await collect(one.log, options);
  collected.push(started);
  return started;
}

/** What a cluster leaves that has lost records: a commit of partition 0 from beyond their end. */
async function commitBeyondTheEnd(metadata: string): Promise<void> {
  const { names } = one;
  const { kafka } = client;
  const topic = names.inCluster(TOPIC);
  const consumer = kafka.consumer({ groupId: names.inCluster('g'), maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachMessage: () => Promise.resolve() });
  await joined;
  // A fetch from there would be answered with another beginning, which kafkajs commits.
  consumer.pause([{ topic }]);
  await consumer.commitOffsets([{ topic, partition: 0, offset: '5000', metadata }]);
  await consumer.disconnect();
}

/** A record of partition 0 that was appended at that time. */
async function appendedAt(value: string, ms: number): Promise<void> {
  const { names } = one;
  const { kafka } = client;
  const producer = kafka.producer();
  await producer.connect();
  const { key } = record(0, value);
  const messages = [{ key, value, partition: 0, timestamp: String(ms) }];
  await producer.send({ topic: names.inCluster(TOPIC), messages });
  await producer.disconnect();
}

describe('commits whose records the cluster has lost', () => {
  it('what came since is handed out, what is older is not', async () => {
    const committedAt = Date.now() - 3_600_000;
    await appendedAt('long before', committedAt - 3_600_000);
    await appendedAt('after', committedAt + 60_000);
    await commitBeyondTheEnd(encodeRuns([], 5_000, Infinity, committedAt));
    expect((await one.log.lag('g', [TOPIC]))[0]!.records).toBe(1);
    const a = await startConsumer({ ack: true });
    await one.log.append([record(0, 'now')]);
    await a.count(2);
    expect(a.values()).toEqual(['after', 'now']);
    expect(a.got[0]!.maybeRedelivered).toBe(true);
    await until('all is committed', async () => (await one.log.lag('g', [TOPIC]))[0]!.records === 0);
  });

  it('a commit from beyond the end that does not say when it was made: nothing that is kept is left out', async () => {
    await appendedAt('long before', Date.now() - 3_600_000);
    await commitBeyondTheEnd('');
    const a = await startConsumer({ ack: true });
    await a.count(1);
    expect(a.values()).toEqual(['long before']);
  });

  it('under a worker that had read them: it takes what came since, at the offsets that it knows', async () => {
    const a = await startConsumer({ ack: true });
    await one.log.append([0, 1, 2, 3].map((n) => record(0, `lost ${n}`)));
    await a.count(4);
    await until('all is committed', async () => (await one.log.lag('g', [TOPIC]))[0]!.records === 0);
    const topic = one.names.inCluster(TOPIC);
    await one.desk.ask((admin) => admin.deleteTopics({ topics: [topic] }));
    await until('it is gone', async () => {
      const topics = await one.desk.ask((admin) => admin.listTopics());
      return !topics.includes(topic);
    });
    await one.desk.ask((admin) =>
      admin.createTopics({
        topics: [{ topic, numPartitions: OPTIONS.partitions, replicationFactor: 1 }],
        waitForLeaders: true,
      }),
    );
    await appendedAt('new', Date.now());
    one.interrupt();
    await a.count(5);
    expect(a.values().at(-1)).toBe('new');
  });
});

it('what comes while a worker asks how far the group is, is no loss: it goes on where it is', async () => {
  const a = await startConsumer();
  await one.log.append([record(0, '0')]);
  await a.count(1);
  const ask = one.desk.ask.bind(one.desk);
  const asked = jest.spyOn(one.desk, 'ask').mockImplementation(async (question) => {
    const answer = await ask(question);
    // The answer is as old as that when the worker gets it.
    await one.log.append([record(0, String(a.got.length))]);
    await a.count(a.got.length + 1);
    return answer;
  });
  one.interrupt();
  await until('it has asked for the commits and the ends', () => asked.mock.results.length > 1);
  await Promise.all(asked.mock.results.map(({ value }) => value as Promise<unknown>));
  asked.mockRestore();
  a.ackAll();
  await until('all is committed', async () => (await one.log.lag('g', [TOPIC]))[0]!.records === 0);
  expect(a.revoked).toEqual([]);
  expect(a.values()).toEqual(['0', '1', '2']);
});
