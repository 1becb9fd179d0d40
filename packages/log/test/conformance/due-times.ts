import type { LogRecord } from '../../src/message-log.ts';
import { collect, everyoneHadTheirChance, opener, record, records, TOPIC, type Hooks } from './harness.ts';

export function dueTimeGuarantees(hooks: Hooks): void {
  const open = opener(hooks);
  const due = (at: number, value: string, partition = 0): LogRecord =>
    record(partition, value, { headers: { 'due-at': String(at) } });

  it('a record never comes before its due time, and comes then', async () => {
    const { log, clock, pass } = await open();
    const start = clock.now();
    const arrivals: { value: string; at: number }[] = [];
    await log.consume({
      group: 'g',
      topics: [TOPIC],
      onRecord: ({ value }) => arrivals.push({ value: value.toString(), at: clock.now() }),
    });
    await log.append([due(start + 2_000, 'a'), due(start + 1_000, 'b'), due(start + 1_500, 'c', 1)]);
    await log.append([record(0, 'at once'), record(1, 'at once')]);
    // With these all has been fetched, and nothing but the clock decides.
    while (arrivals.length < 2) await pass(0);
    await pass(500);
    expect(arrivals.splice(0).map(({ value }) => value)).toEqual(['at once', 'at once']);
    for (let passed = 0; passed < 2_000; passed += 250) await pass(250);
    expect(arrivals.map(({ value }) => value)).toEqual(['b', 'c', 'a']);
    const [b, c, a] = arrivals.map(({ at }) => at - start);
    expect(b).toBeGreaterThanOrEqual(1_000);
    expect(c).toBeGreaterThanOrEqual(1_500);
    expect(a).toBeGreaterThanOrEqual(2_000);
  });

  it('a due time in the past does not hold a record back', async () => {
    const { log, clock } = await open();
    const { values, count } = await collect(log);
    await log.append([due(clock.now() - 1, 'past'), due(clock.now(), 'now')]);
    await count(2);
    expect(values()).toEqual(['past', 'now']);
  });

  it('what is held back holds back nobody: not its own partition, nor others', async () => {
    const { log, clock } = await open();
    const { values, count } = await collect(log);
    await log.append([due(clock.now() + 60_000, 'later'), record(0, 'same partition'), record(1, 'other')]);
    await count(2);
    expect(values().sort()).toEqual(['other', 'same partition']);
  });

  it('what is held back keeps the commit mark from passing it', async () => {
    const { log, clock, pass } = await open();
    await log.append([due(clock.now() + 2_000, 'later'), record(0, 'a'), record(0, 'b')]);
    const first = await collect(log, { ack: true });
    await first.count(2);
    await first.consumer.stop();
    expect(await log.lag('g', [TOPIC])).toMatchObject([{ topic: TOPIC, records: 3 }]);
    const second = await collect(log, { ack: true });
    await pass(2_000);
    await second.count(1);
    expect(second.values()).toEqual(['later']);
    await second.consumer.stop();
    expect(await log.lag('g', [TOPIC])).toMatchObject([{ topic: TOPIC, records: 0 }]);
  });

  it('a full window stops its partition until something leaves, and no other', async () => {
    const { log, clock, pass } = await open({ heldRecordsPerPartition: 10 });
    const at = clock.now() + 2_000;
    await log.append([
      ...Array.from({ length: 10 }, (_, n) => due(at + n, `held ${n}`)),
      record(0, 'behind'),
      record(1, 'other'),
    ]);
    const { values, count } = await collect(log, { ack: true });
    await count(1);
    await everyoneHadTheirChance(log, 1);
    expect(values()).toEqual(['other']);
    await pass(2_100);
    await count(12);
    expect(values().filter((value) => value.startsWith('held'))).toEqual(
      Array.from({ length: 10 }, (_, n) => `held ${n}`),
    );
    expect(values()).toContain('behind');
  });

  it('a window much smaller than the backlog loses nothing and gives nothing early', async () => {
    const { log, clock, pass } = await open({ heldRecordsPerPartition: 7 });
    const start = clock.now();
    let early = 0;
    const seen = new Set<string>();
    await log.append(
      Array.from({ length: 100 }, (_, n) => due(start + ((n * 37) % 100) * 20, String(n), n % 2)),
    );
    await log.append(records(2, 5));
    await log.consume({
      group: 'g',
      topics: [TOPIC],
      onRecord: (consumed) => {
        if (clock.now() < Number(consumed.headers['due-at'] ?? 0)) early += 1;
        seen.add(`${consumed.partition}:${consumed.value.toString()}`);
        consumed.ack();
      },
    });
    for (let passed = 0; passed <= 2_200 || seen.size < 105; passed += 100) await pass(100);
    expect(seen.size).toBe(105);
    expect(early).toBe(0);
  });
}
