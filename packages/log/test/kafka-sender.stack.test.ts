import { systemClock } from '@milena/runtime';
import { createClients, type Clients } from '../src/kafka/clients.ts';
import { openKafkaLog } from '../src/kafka/open.ts';
import { DEFAULT_LIMITS } from '../src/kafka/options.ts';
import { packHeaders } from '../src/kafka/packed-headers.ts';
import { createSender } from '../src/kafka/sender.ts';
import { collect, keyOf, OPTIONS, record, TOPIC } from './conformance/harness.ts';
import { kafkaOptions, newPrefix, removeTopics } from './kafka-hooks.ts';

/** The broker takes what the first request brings, and its producer hears that the sequence numbers are wrong. */
function unlucky(clients: Clients): Clients {
  let first = true;
  const create: Clients['create'] = (timeoutMs) => {
    const client = clients.create(timeoutMs);
    const { kafka } = client;
    const makeProducer = kafka.producer.bind(kafka);
    kafka.producer = (options) => {
      const producer = makeProducer(options);
      const sendBatch: typeof producer.sendBatch = async (batch) => {
        const answer = await producer.sendBatch(batch);
        if (!first) return answer;
        first = false;
        throw Object.assign(new Error('out of order'), { type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
      };
      return { ...producer, sendBatch };
    };
    return client;
  };
  return { ...clients, create };
}

it('a request that went out with a producer that is no good any more goes out again, and says so', async () => {
  const options = { ...kafkaOptions(OPTIONS, newPrefix()), clock: systemClock };
  const opened = await openKafkaLog(options);
  const clients = createClients(options);
  const sender = createSender({ clients: unlucky(clients), limits: DEFAULT_LIMITS });
  const send = (value: string): Promise<void> => {
    const headers = packHeaders({ name: 'value' });
    const message = { key: keyOf(0), value: Buffer.from(value), headers, partition: 0 };
    return sender.append([{ topic: opened.names.inCluster(TOPIC), message, bytes: value.length }]);
  };
  try {
    const { got, count } = await collect(opened.log);
    await opened.log.append([record(0, 'before')]);
    await send('unlucky');
    await send('after');
    await count(4);
    expect(got.map(({ value, maybeRedelivered }) => [value.toString(), maybeRedelivered])).toEqual([
      ['before', false],
      ['unlucky', false],
      ['unlucky', true],
      ['after', false],
    ]);
    expect(got[2]?.headers['name']).toBe('value');
  } finally {
    await sender.close();
    clients.killAll();
    await removeTopics(opened, OPTIONS);
    await opened.log.close();
  }
});
