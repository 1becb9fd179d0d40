import { LogUnavailableError } from '../../src/message-log.ts';
import {
  collect,
  opener,
  OPTIONS,
  OTHER_TOPIC,
  record,
  records,
  TOPIC,
  until,
  type Hooks,
} from './harness.ts';

export function durabilityGuarantees(hooks: Hooks): void {
  const open = opener(hooks);

  it('every append acked before a kill -9 is there afterwards', async () => {
    const { acked, found } = await hooks.appendUntilKilled(OPTIONS, 500);
    try {
      expect(acked.length).toBeGreaterThanOrEqual(500);
      const missing = new Set(acked.map(String));
      await found.log.consume({
        group: 'g',
        topics: ['deliveries'],
        onRecord: ({ value }) => missing.delete(value.toString()),
      });
      await until('every acked record came', () => missing.size === 0);
    } finally {
      await found.dispose();
    }
  });

  it('what was not acked comes again after a crash, marked as a possible repeat; what came later is not', async () => {
    const first = await open();
    await first.log.append(records(0, 3));
    const before = await collect(first.log);
    await before.count(3);

    const second = await first.crash();
    const after = await collect(second.log);
    await second.log.append([record(0, 'new')]);
    await after.count(4);
    expect(after.values()).toEqual(['0', '1', '2', 'new']);
    expect(after.got.map(({ maybeRedelivered }) => maybeRedelivered)).toEqual([true, true, true, false]);
  });

  it('a restart goes on after the contiguous mark and never gives an offset twice', async () => {
    const first = await open();
    await first.log.append(records(0, 3));
    const before = await collect(first.log, { ack: true });
    await before.count(3);

    const second = await first.restart();
    await second.log.append([record(0, 'new')]);
    const after = await collect(second.log, { ack: true });
    await after.count(1);
    expect(after.values()).toEqual(['new']);
    expect(after.got[0]!.offset).toBeGreaterThan(before.got[2]!.offset);
  });

  it('a restart keeps due times', async () => {
    const first = await open();
    const dueAt = first.clock.now() + 5_000;
    await first.log.append([record(0, 'later', { headers: { 'due-at': String(dueAt) } })]);
    const early = await collect(first.log);
    await first.pass(1_000);
    expect(early.got).toEqual([]);

    const second = await first.restart();
    const late = await collect(second.log);
    await second.log.append([record(0, 'now')]);
    await late.count(1);
    expect(late.values()).toEqual(['now']);
    await second.pass(5_000);
    await late.count(2);
    expect(late.values()).toEqual(['now', 'later']);
    expect(second.clock.now()).toBeGreaterThanOrEqual(dueAt);
  });

  it('what waits in the retry topic of a delay that is configured no more is still handed out', async () => {
    const first = await open();
    expect(await first.log.retryTopics()).toEqual([OTHER_TOPIC]);
    await first.log.append([record(0, 'former', { topic: OTHER_TOPIC })]);

    const now = 'deliveries.retry.20s';
    const topics = [TOPIC, now].map((name) => ({ name, retentionMs: 3_600_000, groups: ['g'] }));
    const second = await first.restart({ topics });
    expect(await second.log.retryTopics()).toEqual([now, OTHER_TOPIC]);
    await second.log.append([record(0, 'present', { topic: now })]);
    const after = await collect(second.log, {
      topics: [TOPIC, ...(await second.log.retryTopics())],
      ack: true,
    });
    await after.count(2);
    expect(after.values().sort()).toEqual(['former', 'present']);
    await until('nothing of it is left', async () => {
      const lags = await second.log.lag('g', await second.log.retryTopics());
      return lags.every(({ records }) => records === 0);
    });

    // Back again: offsets go on where they ended.
    const third = await second.restart({ topics: OPTIONS.topics });
    expect(await third.log.retryTopics()).toEqual([OTHER_TOPIC, now]);
    await third.log.append([record(0, 'again', { topic: OTHER_TOPIC })]);
    const last = await collect(third.log, { topics: [TOPIC, OTHER_TOPIC, now], ack: true });
    await last.count(1);
    expect(last.values()).toEqual(['again']);
  });

  it('a closed log refuses appends, consumers and pings', async () => {
    const { log } = await open();
    await log.append([record(0, 'a')]);
    await expect(log.ping()).resolves.toBeUndefined();
    await log.close();
    await log.close();
    await expect(log.append([record(0, 'b')])).rejects.toBeInstanceOf(LogUnavailableError);
    await expect(log.ping()).rejects.toBeInstanceOf(LogUnavailableError);
    await expect(collect(log)).rejects.toBeInstanceOf(LogUnavailableError);
  });

  it('closing waits for the appends under way', async () => {
    const first = await open();
    const under = first.log.append(records(0, 100));
    const second = await first.restart();
    await under;
    const after = await collect(second.log);
    await after.count(100);
  });
}
