import { collect, everyoneHadTheirChance, opener, record, records, type Hooks } from './harness.ts';

export function backpressureGuarantees(hooks: Hooks): void {
  const open = opener(hooks);

  it('no more records are out than allowed; each ack lets one more through', async () => {
    const { log } = await open();
    await log.append([...records(0, 10), ...records(1, 10)]);
    const { got, count } = await collect(log, { maxUnackedRecords: 3 });
    await count(3);
    await everyoneHadTheirChance(log, 20);
    expect(got).toHaveLength(3);
    got[1]!.ack();
    await count(4);
    for (let n = 0; n < 20; n += 1) {
      await count(n + 1);
      got[n]!.ack();
    }
    expect(got).toHaveLength(20);
  });

  it('no more bytes are out than allowed', async () => {
    const { log } = await open();
    await log.append(Array.from({ length: 6 }, () => record(0, Buffer.alloc(400))));
    const { got, count } = await collect(log, { maxUnackedBytes: 1_000 });
    await count(2);
    await everyoneHadTheirChance(log, 6);
    expect(got).toHaveLength(2);
    got[0]!.ack();
    await count(3);
  });

  it('a single record larger than the bound passes, alone', async () => {
    const { log } = await open();
    await log.append([record(0, 'small'), record(0, Buffer.alloc(5_000)), record(0, 'small')]);
    const { got, count } = await collect(log, { maxUnackedBytes: 1_000 });
    await count(1);
    await everyoneHadTheirChance(log, 3);
    expect(got).toHaveLength(1);
    got[0]!.ack();
    await count(2);
    expect(got[1]!.value).toHaveLength(5_000);
    await everyoneHadTheirChance(log, 2);
    expect(got).toHaveLength(2);
    got[1]!.ack();
    await count(3);
  });

  it('records held back by a due time take up no room', async () => {
    const { log, clock } = await open();
    const later = { headers: { 'due-at': String(clock.now() + 3_000) } };
    await log.append([...records(0, 5, later), record(0, 'a'), record(0, 'b')]);
    const { values, count } = await collect(log, { maxUnackedRecords: 2 });
    await count(2);
    expect(values()).toEqual(['a', 'b']);
  });

  it('a due record waits for room like any other', async () => {
    const { log, clock, pass } = await open();
    const later = { headers: { 'due-at': String(clock.now() + 1_000) } };
    await log.append([record(0, 'due', later), record(0, 'a')]);
    const { got, values, count } = await collect(log, { maxUnackedRecords: 1 });
    await count(1);
    await pass(1_000);
    expect(values()).toEqual(['a']);
    got[0]!.ack();
    await count(2);
    expect(values()).toEqual(['a', 'due']);
  });
}
