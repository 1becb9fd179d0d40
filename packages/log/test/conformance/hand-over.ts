import type { ConsumedRecord, LogRecord } from '../../src/message-log.ts';
import {
  collect,
  opener,
  PARTITIONS,
  record,
  records,
  TOPIC,
  until,
  type Collected,
  type Hooks,
  type OpenedLog,
} from './harness.ts';

/** Every third waits for its time. */
const COUNT = 300;
const DELAY_MS = 5_000;
const isLate = (n: number): boolean => n % 3 === 0;
const LATE = COUNT / 3;

function backlog({ clock }: OpenedLog, partition = 0): LogRecord[] {
  const headers = { 'due-at': String(clock.now() + DELAY_MS) };
  return Array.from({ length: COUNT }, (_, n) => record(partition, String(n), isLate(n) ? { headers } : {}));
}

const late = Array.from({ length: LATE }, (_, n) => String(n * 3));

/** What was acked by now is committed durably: commits keep their order, and so do the log's writes. */
async function settled({ log }: OpenedLog): Promise<void> {
  await log.append([record(3, 'last')]);
  await until('the last one is committed', async () => {
    const { partitions } = (await log.lag('g', [TOPIC]))[0]!;
    return partitions[3]!.mark === partitions[3]!.end;
  });
  await log.append([record(2, 'barrier')]);
}

/** What came of partition 0 up to a record that was appended after all others. */
async function rest({ log }: OpenedLog, { values, got }: Collected): Promise<string[]> {
  await log.append([record(0, 'end')]);
  await until('the end came', () => values().includes('end'));
  return got.filter(({ partition }) => partition === 0).map(({ value }) => value.toString());
}

export function handOverGuarantees(hooks: Hooks): void {
  const open = opener(hooks);

  it('what was done before a stop is not handed out again, also when an earlier record still waits for its due time', async () => {
    const opened = await open();
    const { log, pass } = opened;
    await log.append(backlog(opened));
    const first = await collect(log, { ack: true });
    await first.count(COUNT - LATE);
    await first.consumer.stop();

    const second = await collect(log, { ack: true });
    await log.append([record(0, 'new')]);
    await second.count(1);
    expect(second.values()).toEqual(['new']);
    await pass(DELAY_MS);
    await second.count(1 + LATE);
    expect(second.values().slice(1)).toEqual(late);
    await second.consumer.stop();
    expect(await log.lag('g', [TOPIC])).toMatchObject([{ topic: TOPIC, records: 0 }]);
  });

  it('who takes over hands over what those before have done, though it was not there yet itself', async () => {
    const opened = await open();
    const { log, pass } = opened;
    await log.append(backlog(opened));
    const first = await collect(log, { ack: true });
    await first.count(COUNT - LATE);
    await first.consumer.stop();

    // One at a time, of which it keeps the second: it stops with nearly everything ahead of it.
    await pass(DELAY_MS);
    const second = await collect(log, { maxUnackedRecords: 1 });
    await second.count(1);
    second.got[0]!.ack();
    await second.count(2);
    await second.consumer.stop();

    const third = await collect(log, { ack: true });
    await third.count(LATE - 1);
    expect(await rest(opened, third)).toEqual([...late.slice(1), 'end']);
  });

  it('what was done is not handed out again after a restart', async () => {
    const opened = await open();
    await opened.log.append(backlog(opened));
    const first = await collect(opened.log, { ack: true });
    await first.count(COUNT - LATE);

    const restarted = await opened.restart();
    const second = await collect(restarted.log, { ack: true });
    await restarted.pass(DELAY_MS);
    await second.count(LATE);
    expect(await rest(restarted, second)).toEqual([...late, 'end']);
  });

  it('a partition that moves to a newcomer brings what was done in it; what is open comes again, and nothing else', async () => {
    const opened = await open();
    const { log, pass } = opened;
    const got: ConsumedRecord[] = [];
    const revoked: number[] = [];
    const join = (): Promise<unknown> =>
      log.consume({
        group: 'g',
        topics: [TOPIC],
        onRecord: (consumed) => {
          got.push(consumed);
          if (consumed.value.toString() !== '100') consumed.ack();
        },
        onRevoked: (partitions) => revoked.push(...partitions),
      });
    const of = (partition: number): string[] =>
      got.filter((one) => one.partition === partition).map(({ value }) => value.toString());
    await log.append([0, 1, 2].flatMap((partition) => backlog(opened, partition)));
    await join();
    await until('all came that may', () => got.length >= 3 * (COUNT - LATE));
    await settled(opened);
    await join();
    await until('half was taken away', () => revoked.length === PARTITIONS / 2);
    await pass(DELAY_MS);
    const ended = (): boolean => [0, 1, 2].every((partition) => of(partition).includes('end'));
    await until('the late came too', () => [0, 1, 2].every((partition) => of(partition).length >= COUNT));
    await log.append([0, 1, 2].map((partition) => record(partition, 'end')));
    await until('the end came', ended);
    for (const partition of [0, 1, 2]) {
      const again = revoked.includes(partition) ? ['100'] : [];
      const barrier = partition === 2 ? ['barrier'] : [];
      const all = Array.from({ length: COUNT }, (_, n) => String(n));
      expect(of(partition).sort()).toEqual([...all, ...again, ...barrier, 'end'].sort());
    }
  });

  it('everything committed stays done after a crash, also what lies beyond a record that waits', async () => {
    const opened = await open();
    await opened.log.append(backlog(opened));
    const first = await collect(opened.log, { ack: true });
    await first.count(COUNT - LATE);
    await settled(opened);

    const crashed = await opened.crash();
    const second = await collect(crashed.log, { ack: true });
    await crashed.pass(DELAY_MS);
    await until('the late came', () => second.got.filter(({ partition }) => partition === 0).length >= LATE);
    expect(await rest(crashed, second)).toEqual([...late, 'end']);
  });

  it('what comes after a hand-over says truly whether it may have been handled before', async () => {
    const opened = await open();
    const { log } = opened;
    await log.append([...backlog(opened), ...records(1, 2)]);
    const first = await collect(log);
    await first.count(COUNT - LATE + 2);
    const [open1, ...others] = first.got;
    for (const consumed of others) consumed.ack();
    await first.consumer.stop();
    const second = await collect(log);
    await log.append([record(0, 'new')]);
    await second.count(2);
    expect(second.got.map(({ value }) => value.toString()).sort()).toEqual(
      [open1!.value.toString(), 'new'].sort(),
    );
    for (const { value, maybeRedelivered } of second.got)
      expect(maybeRedelivered).toBe(value.toString() !== 'new');
  });
}
