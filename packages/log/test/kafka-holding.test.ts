import { createTestClock } from '@milena/runtime';
import { createHolding, type Holding } from '../src/kafka/holding.ts';
import { DEFAULT_LIMITS, type KafkaLogLimits } from '../src/kafka/options.ts';
import { topicPartition, type Reader } from '../src/kafka/reader.ts';
import type { ConsumedRecord, ConsumeOptions } from '../src/message-log.ts';

const PLACE = topicPartition('t', 0);
const OTHER = topicPartition('t', 1);

type Fetched = Parameters<Holding['feed']>[1];

function messages(from: number, count: number, bytes = 800, dueAt?: number): Fetched {
  return Array.from({ length: count }, (_, n) => ({
    ...{ key: Buffer.from('k'), value: Buffer.alloc(bytes), timestamp: '0', attributes: 0 },
    offset: String(from + n),
    headers: { ...(dueAt === undefined ? {} : { 'due-at': String(dueAt) }) },
  }));
}

function hold(
  options: Partial<ConsumeOptions> = {},
  limits: Partial<KafkaLogLimits> = {},
  onDone: (reader: Reader) => void = () => undefined,
) {
  const got: ConsumedRecord[] = [];
  const paused = new Set<string>();
  const clock = createTestClock();
  const holding: Holding = createHolding({
    clock,
    limits: { ...DEFAULT_LIMITS, fetchBytesPerPartition: 10_000, readAheadBytes: 30_000, ...limits },
    options: { group: 'g', topics: ['t'], onRecord: (record) => got.push(record), ...options },
    onDone,
    onPaused: (reader) => {
      if (reader.paused) paused.add(reader.partition.id);
      else paused.delete(reader.partition.id);
    },
  });
  holding.gain(PLACE, { start: 0, end: 0, done: [] });
  return { holding, got, paused, clock };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
const offsets = (got: readonly ConsumedRecord[]) => got.map(({ offset }) => Number(offset));

describe('what a Kafka consumer holds', () => {
  it('what was fetched again is not handed out again', async () => {
    const { holding, got } = hold();
    holding.feed(PLACE.id, messages(0, 5));
    holding.feed(PLACE.id, messages(0, 5));
    holding.feed(PLACE.id, messages(3, 5));
    await turns();
    expect(offsets(got)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('what is fetched for a partition that is not held, is dropped', async () => {
    const { holding, got } = hold();
    holding.feed(OTHER.id, messages(0, 5));
    await turns();
    expect(got).toEqual([]);
  });

  it('fetching pauses when more than one fetch is read ahead, and goes on when half of that is left', async () => {
    const { holding, got, paused } = hold({ maxUnackedRecords: 1 });
    holding.feed(PLACE.id, messages(0, 9));
    expect([...paused]).toEqual([]);
    holding.feed(PLACE.id, messages(9, 9));
    expect([...paused]).toEqual([PLACE.id]);
    await turns();
    for (let n = 0; n < 13; n += 1) {
      expect([...paused]).toEqual([PLACE.id]);
      got[n]!.ack();
      await turns();
    }
    expect([...paused]).toEqual([]);
  });

  it('all partitions together are bounded too, and one with nothing read ahead is fetched all the same', async () => {
    const { holding, got, paused } = hold({ maxUnackedRecords: 1 }, { readAheadBytes: 5_000 });
    holding.gain(OTHER, { start: 0, end: 0, done: [] });
    holding.feed(PLACE.id, messages(0, 6));
    expect([...paused]).toEqual([PLACE.id]);
    holding.feed(OTHER.id, messages(0, 1));
    expect([...paused]).toEqual([PLACE.id, OTHER.id]);
    await turns();
    for (let n = 0; n < 7; n += 1) {
      got[n]!.ack();
      await turns();
    }
    expect([...paused]).toEqual([]);
  });

  it('a full window of records that are not due pauses its partition until they are', async () => {
    const { holding, got, paused, clock } = hold({}, { heldRecordsPerPartition: 3 });
    holding.feed(PLACE.id, messages(0, 20, 800, clock.now() + 1_000));
    await turns();
    expect(got).toEqual([]);
    expect([...paused]).toEqual([PLACE.id]);
    clock.advance(1_000);
    await turns();
    expect(offsets(got)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect([...paused]).toEqual([]);
  });

  it('what is lost is neither handed out nor acked nor paused, and takes up no room', async () => {
    const revoked: number[] = [];
    const { holding, got, paused } = hold({
      maxUnackedRecords: 1,
      onRevoked: (numbers) => {
        revoked.push(...numbers);
      },
    });
    holding.feed(PLACE.id, messages(0, 20));
    await turns();
    holding.lose(new Set([0]));
    expect(revoked).toEqual([0]);
    expect([...paused]).toEqual([]);
    holding.gain(PLACE, { start: 0, end: 20, done: [] });
    holding.feed(PLACE.id, messages(0, 1));
    await turns();
    got[0]!.ack();
    expect(holding.of(PLACE.id)!.tracker.mark()).toBe(0);
    got[1]!.ack();
    expect(holding.of(PLACE.id)!.tracker.mark()).toBe(1);
    expect(got.map(({ maybeRedelivered }) => maybeRedelivered)).toEqual([false, true]);
  });

  it('what an earlier owner has done is not handed out, due or not, and the mark passes it', async () => {
    const { holding, got, clock } = hold({ maxUnackedRecords: 1 });
    const done = [
      { from: 1, to: 3 },
      { from: 4, to: 5 },
    ];
    holding.gain(PLACE, { start: 0, end: 20, done });
    holding.feed(PLACE.id, messages(0, 1, 800, clock.now() + 1_000));
    holding.feed(PLACE.id, messages(1, 1, 800, clock.now() + 1_000));
    holding.feed(PLACE.id, messages(2, 4));
    await turns();
    for (let n = 0; n < 2; n += 1) {
      got[n]!.ack();
      await turns();
    }
    expect(offsets(got)).toEqual([3, 5]);
    expect(holding.of(PLACE.id)!.tracker.mark()).toBe(0);
    expect(holding.of(PLACE.id)!.tracker.beyond()).toEqual([{ from: 1, to: 6 }]);
    clock.advance(1_000);
    await turns();
    got[2]!.ack();
    expect(offsets(got)).toEqual([3, 5, 0]);
    expect(holding.of(PLACE.id)!.tracker.mark()).toBe(6);
  });

  it('where the first records are gone, the mark passes what an earlier owner has done, and that is told', async () => {
    const told: number[] = [];
    const { holding, got } = hold({}, {}, (reader) => told.push(reader.tracker.mark()));
    holding.gain(PLACE, { start: 0, end: 20, done: [{ from: 2, to: 4 }] });
    holding.feed(PLACE.id, messages(2, 2));
    await turns();
    expect(got).toEqual([]);
    expect(told).toEqual([3, 4]);
  });
});
