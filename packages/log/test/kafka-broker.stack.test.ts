import { systemClock, OperatorError } from '@milena/runtime';
import { createKafkaLog, type KafkaLogOptions } from '../src/kafka/index.ts';
import { LogUnavailableError, type ConsumedRecord, type MessageLog } from '../src/message-log.ts';
import { collect, OPTIONS, PARTITIONS, record, records, TOPIC, until } from './conformance/harness.ts';
import { newPrefix, QUICK } from './kafka-hooks.ts';
import { startOwnBroker, type OwnBroker } from './own-broker.ts';

let broker: OwnBroker;
const logs: MessageLog[] = [];

beforeAll(async () => {
  broker = await startOwnBroker();
}, 180_000);
afterAll(() => broker.remove(), 60_000);
afterEach(async () => {
  await Promise.all(logs.splice(0).map((log) => log.close()));
});

async function open(options: Partial<KafkaLogOptions> = {}): Promise<MessageLog> {
  const { topics, partitions } = OPTIONS;
  const log = await createKafkaLog({
    ...{ brokers: [broker.address], topics, partitions, replicationFactor: 1, clock: systemClock },
    limits: QUICK,
    ...options,
  });
  logs.push(log);
  return log;
}

/** Appends numbered records, one after the other per partition, trying each again until it is acked. */
function appendForever(log: MessageLog): { acked: string[]; stop: () => Promise<void> } {
  const acked: string[] = [];
  let stopped = false;
  const caller = async (partition: number): Promise<void> => {
    for (let n = 0; !stopped; n += 1) {
      const value = `${partition}:${n}`;
      while (
        !(await log.append([record(partition, value)]).then(
          () => true,
          () => false,
        ))
      );
      acked.push(value);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const callers = Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => caller(partition)));
  return {
    acked,
    stop: async () => {
      stopped = true;
      await callers;
    },
  };
}

function expectOrderPerPartition(got: readonly ConsumedRecord[]): void {
  const last = new Map<number, number>();
  for (const { partition, value } of got) {
    const n = Number(value.toString().split(':')[1]);
    expect(n).toBeGreaterThanOrEqual(last.get(partition) ?? 0);
    last.set(partition, n);
  }
}

const succeeds = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );

describe('a Kafka broker', () => {
  it('a topic with another number of partitions stops the start and says what to do', async () => {
    const namePrefix = newPrefix();
    await open({ namePrefix });
    const wrong = open({ namePrefix, partitions: PARTITIONS + 1 });
    await expect(wrong).rejects.toBeInstanceOf(OperatorError);
    await expect(wrong).rejects.toThrow(
      new RegExp(`KAFKA_PARTITIONS is 5.*${namePrefix}${TOPIC} has 4.*Set KAFKA_PARTITIONS`, 's'),
    );
  });

  it('more replicas than brokers stop the start and say which setting', async () => {
    const tooMany = open({ namePrefix: newPrefix(), replicationFactor: 3 });
    await expect(tooMany).rejects.toBeInstanceOf(OperatorError);
    await expect(tooMany).rejects.toThrow(/KAFKA_REPLICATION_FACTOR/);
  });

  it('two processes may start at once', async () => {
    const namePrefix = newPrefix();
    const [one, two] = await Promise.all([open({ namePrefix }), open({ namePrefix })]);
    await one.append([record(0, 'x')]);
    const { count } = await collect(two);
    await count(1);
  });

  it('a record larger than its topic takes is refused for good, and those around it are not', async () => {
    const log = await open({ namePrefix: newPrefix(), limits: { ...QUICK, appendTimeoutMs: 20_000 } });
    const large = log.append([record(0, Buffer.alloc(21 * 1024 * 1024))]);
    const others = Promise.all([log.append(records(1, 10)), log.append([record(0, 'small')])]);
    await expect(large).rejects.toThrow(/max\.message\.bytes/);
    await others;
  });

  it.each(['stop', 'kill'] as const)(
    'a broker that comes back after a %s has lost nothing that was acked, and nobody has to be restarted',
    async (command) => {
      const log = await open({ namePrefix: newPrefix() });
      const consuming = await collect(log, { ack: true });
      const appending = appendForever(log);
      await until('it flows', () => consuming.got.length > 200);
      await broker.run(command);
      const before = appending.acked.length;
      await broker.run('start');
      await until('appends are acked again', () => appending.acked.length > before + 200);
      await appending.stop();
      const came = new Set<string>();
      await until('all acked records came', () => {
        for (const value of consuming.values().slice(came.size)) came.add(value);
        return appending.acked.every((value) => came.has(value));
      });
      expectOrderPerPartition(consuming.got);
      await until('all is committed', async () => (await log.lag('g', [TOPIC]))[0]!.records === 0);
    },
    90_000,
  );

  it('one that is killed while a member prepares to rejoin leaves nobody suspended', async () => {
    const namePrefix = newPrefix();
    const [one, two] = [await open({ namePrefix }), await open({ namePrefix })];
    const told: boolean[] = [];
    const came = new Set<string>();
    const onRecord = (consumed: ConsumedRecord): void => {
      came.add(consumed.value.toString());
      // Something is always under way.
      setTimeout(() => {
        consumed.ack();
      }, 100);
    };
    const onSuspended = (suspended: boolean) => told.push(suspended);
    await one.consume({ group: 'g', topics: [TOPIC], onRecord, onSuspended });
    const appending = appendForever(one);
    await until('it flows', () => came.size > 200);
    const before = told.length;
    const joining = two.consume({ group: 'g', topics: [TOPIC], onRecord });
    await until('it is told', () => told.slice(before).includes(true));
    await broker.run('kill');
    await broker.run('start');
    await joining;
    const acked = appending.acked.length;
    await until('appends are acked again', () => appending.acked.length > acked + 200);
    await appending.stop();
    await until('all acked records came', () => appending.acked.every((value) => came.has(value)));
    await until('it goes on', () => told.at(-1) === false);
    await until('all is committed', async () => (await one.lag('g', [TOPIC]))[0]!.records === 0);
  }, 90_000);

  it('while it is away appends reject in time, with the reason; pings and looks at the lag too; afterwards all are fine', async () => {
    const log = await open({ namePrefix: newPrefix(), limits: { ...QUICK, appendTimeoutMs: 1_000 } });
    await until('it has begun', () => succeeds(log.append([record(0, 'before')])));
    await broker.run('kill');
    const startedAt = performance.now();
    // Sent or not, nobody can tell: the producer was connected.
    await expect(log.append([record(0, 'away')])).rejects.toMatchObject({
      name: 'LogUnavailableError',
      maybeAppended: true,
    });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    await expect(log.ping()).rejects.toBeInstanceOf(LogUnavailableError);
    await expect(log.lag('g', [TOPIC])).rejects.toBeInstanceOf(LogUnavailableError);
    await broker.run('start');
    await until('pings are fine', () => succeeds(log.ping()));
    await until('appends are fine', () => succeeds(log.append([record(0, 'after')])));
  }, 60_000);
});
