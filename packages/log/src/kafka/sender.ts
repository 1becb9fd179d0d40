import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@milena/runtime';
import { LogUnavailableError, MAY_REPEAT_HEADER } from '../message-log.ts';
import { createAppendQueue, type Outgoing, type Request } from './append-queue.ts';
import { reasonOf, within, type Clients } from './clients.ts';
import type { KafkaLogLimits } from './options.ts';
import { createProducer, TooLargeError, type Producer } from './producer.ts';

/** Between tries of one request; what the client fails with is often over in a moment. */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 500;
/** A request gets this long at least, however long its records have waited for their turn. */
const LEAST_TRY_MS = 1_000;

/** What a close waits for appends under way; those who append with a long timeout must not hold up an end. */
const CLOSE_LIMIT_MS = 5_000;

/** A failure older than this says nothing of now; when nobody appends for it, nothing else would end it. */
const TROUBLE_MS = 5_000;

/** Appends to the cluster. */
export interface Sender {
  /** @throws LogUnavailableError */
  append(records: readonly Outgoing[]): Promise<void>;
  /** Why requests fail at present; null while they don't. */
  trouble(): string | null;
  /** Refuses appends from now on, and waits for those under way, for five seconds at most. */
  close(): Promise<void>;
}

/**
 * One request at a time, made of whatever gathered while the one before was under way. So records keep their order, and
 * kafkajs's idempotent producer is right: it takes sequence numbers back when a request fails, and another request that
 * was let through in the meantime would be taken for a repeat of the failed one and dropped without an error.
 */
export function createSender(deps: {
  clients: Clients;
  limits: KafkaLogLimits;
  logger?: Logger | undefined;
}): Sender {
  const { limits, logger } = deps;
  const queue = createAppendQueue(limits.pendingAppendBytes);
  const courier = createCourier(deps.clients, logger);
  let running: Promise<void> | null = null;
  let closed = false;
  /** Of the latest request. */
  let startedAt = -Infinity;

  const overdue = (maybeAppended: boolean): Error =>
    new LogUnavailableError(courier.trouble() ?? 'Kafka is too slow', { maybeAppended });

  const run = async (): Promise<void> => {
    // Lets the appends of this turn of the event loop gather.
    await new Promise((resolve) => setImmediate(resolve));
    while (!queue.empty()) {
      const wait = startedAt + limits.sendSpacingMs - performance.now();
      if (wait > 0 && !queue.full()) await sleep(wait);
      startedAt = performance.now();
      const request = queue.take(startedAt, overdue);
      if (request === null) break;
      queue.settle(request, await courier.deliver(request));
    }
    running = null;
  };

  return {
    append: async (records) => {
      if (closed) throw new LogUnavailableError('the log is closed');
      const acked = queue.add(records, performance.now() + limits.appendTimeoutMs);
      running ??= run();
      await acked;
    },
    trouble: () => courier.trouble(),
    close: async () => {
      closed = true;
      if (running) await within(CLOSE_LIMIT_MS, running).catch(() => undefined);
      await courier.close();
      await running;
    },
  };
}

/** Gets a request delivered, over as many tries and producers as it takes. */
interface Courier {
  /** Null when all of it is acked, otherwise what its appends reject with. Never rejects. */
  deliver(request: Request): Promise<Error | null>;
  trouble(): string | null;
  close(): Promise<void>;
}

function createCourier(clients: Clients, logger: Logger | undefined): Courier {
  let closing = false;
  /** Ends the wait for the request under way. Not a race with one lasting promise, which would keep every request. */
  let interrupt: (reason: Error) => void = () => undefined;
  const interruptible = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      interrupt = reject;
      work.then(resolve, reject);
    });
  let producer: Producer | null = null;
  const troubles = createTroubles(logger);

  /**
   * A producer whose request was given up takes no other: the broker may have written the one that we know nothing of,
   * and would take the next for a repeat of it.
   */
  const giveUpProducer = (): void => {
    producer?.kill();
    producer = null;
  };
  const inDoubt = (reason: string): Error => new LogUnavailableError(reason, { maybeAppended: true });

  const deliver = async (request: Request): Promise<Error | null> => {
    const deadline = Math.max(request.deadline, performance.now() + LEAST_TRY_MS);
    let rest = request.records;
    let retryInMs = FIRST_RETRY_MS;
    while (!closing) {
      try {
        producer ??= createProducer(clients);
        rest = await interruptible(producer.send(rest, deadline - performance.now()));
        if (rest.length === 0) {
          troubles.over();
          return null;
        }
      } catch (error) {
        if (error instanceof TooLargeError) {
          giveUpProducer();
          return error;
        }
        troubles.begin(error);
        if (producer?.isBroken(error) === true) {
          giveUpProducer();
          // The broker will not know them again as what it may have had from the one before.
          rest = rest.map(mayRepeatOnItsWay);
        }
      }
      if (performance.now() + retryInMs >= deadline) {
        giveUpProducer();
        return inDoubt(troubles.latest() ?? 'Kafka did not take all records');
      }
      await sleep(retryInMs);
      retryInMs = Math.min(retryInMs * 2, LONGEST_RETRY_MS);
    }
    return inDoubt('the log is closed');
  };

  return {
    deliver,
    trouble: () => troubles.present(),
    close: async () => {
      closing = true;
      interrupt(new LogUnavailableError('the log is closed'));
      await producer?.close();
      producer = null;
    },
  };
}

function mayRepeatOnItsWay({ message, ...rest }: Outgoing): Outgoing {
  return { ...rest, message: { ...message, headers: { ...message.headers, [MAY_REPEAT_HEADER]: '1' } } };
}

/** What goes wrong with requests, logged when it begins and when it is over. */
function createTroubles(logger: Logger | undefined) {
  let trouble: { reason: string; at: number } | null = null;
  return {
    begin: (error: unknown): void => {
      if (trouble === null) logger?.warn({ event: 'log.append_failing', err: error });
      trouble = { reason: reasonOf(error), at: performance.now() };
    },
    over: (): void => {
      if (trouble !== null) logger?.info({ event: 'log.append_works_again', after: trouble.reason });
      trouble = null;
    },
    latest: (): string | null => trouble?.reason ?? null,
    present: (): string | null =>
      trouble !== null && performance.now() - trouble.at < TROUBLE_MS ? trouble.reason : null,
  };
}
