import { CompressionTypes, type TopicMessages } from 'kafkajs';
import type { Outgoing } from './append-queue.ts';
import { within, type Clients } from './clients.ts';

/** The broker gives up waiting for its replicas after this; tried again then. */
const ACK_TIMEOUT_MS = 3_000;
/** No answer for this long: the request is sent again, and the broker knows the repeat by its sequence numbers. */
const REQUEST_TIMEOUT_MS = 3_500;
/** The client's own tries go on until the deadline cuts them off: it alone knows which broker has answered already. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 1_000 };
const CLOSE_TIMEOUT_MS = 2_000;

/** The topic does not take records of that size: trying again changes nothing. */
export class TooLargeError extends Error {
  override name = 'TooLargeError';
}

/** One idempotent producer, from its producer id to its end. One `send` at a time. */
export interface Producer {
  /**
   * Sends records in order and returns those that are not acked. After a failure the same records must be sent again,
   * and nothing else: then the broker recognises what it has.
   */
  send(records: readonly Outgoing[], limitMs: number): Promise<readonly Outgoing[]>;
  /** This error leaves it unusable. */
  isBroken(error: unknown): boolean;
  close(): Promise<void>;
  /** Whatever it is doing is given up. */
  kill(): void;
}

export function createProducer(clients: Clients): Producer {
  const client = clients.create(REQUEST_TIMEOUT_MS);
  const producer = client.kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    retry: RETRY,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  let connected: Promise<void> | null = null;

  const connect = async (): Promise<void> => {
    try {
      await (connected ??= producer.connect());
    } catch (error) {
      connected = null;
      throw error;
    }
  };
  const sendAll = async (records: readonly Outgoing[]): Promise<readonly Outgoing[]> => {
    await connect();
    const answered = await producer.sendBatch({
      acks: -1,
      timeout: ACK_TIMEOUT_MS,
      compression: CompressionTypes.None,
      topicMessages: byTopic(records),
    });
    // kafkajs resolves without an answer for a partition whose leader moved, between two tries, to a broker that had
    // answered the first: those records were not sent.
    const acked = new Set(answered.map(({ topicName, partition }) => `${topicName}/${partition}`));
    return records.filter(({ topic, message }) => !acked.has(`${topic}/${message.partition}`));
  };

  return {
    send: async (records, limitMs) => {
      try {
        return await within(limitMs, sendAll(records));
      } catch (error) {
        if (TOO_LARGE.has(typeOf(error))) {
          throw new TooLargeError("a record is larger than its topic's max.message.bytes", { cause: error });
        }
        throw error;
      }
    },
    isBroken: (error) => BROKEN.has(typeOf(error)),
    close: async () => {
      await within(CLOSE_TIMEOUT_MS, producer.disconnect()).catch(() => undefined);
      client.kill();
    },
    kill: () => {
      client.kill();
    },
  };
}

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** The broker's idea of the sequence numbers is another one: a new producer id starts afresh. */
const BROKEN = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'UNKNOWN_PRODUCER_ID',
  'PRODUCER_FENCED',
]);

/** The protocol's name of an error, wherever in the chain of causes kafkajs put it. */
function typeOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { type } = at as { type?: unknown };
    if (typeof type === 'string') return type;
  }
  return '';
}

function byTopic(records: readonly Outgoing[]): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, message } of records) {
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, { topic, messages: [message] });
    else known.messages.push(message);
  }
  return [...topics.values()];
}
