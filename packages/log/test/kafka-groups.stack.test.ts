import { spawn, type ChildProcess } from 'node:child_process';
import { createTestClock } from '@milena/runtime';
import { openKafkaLog, type OpenedKafkaLog } from '../src/kafka/open.ts';
import { bundled } from './child.ts';
import { collect, OPTIONS, PARTITIONS, record, TOPIC, until } from './conformance/harness.ts';
import { BROKERS, kafkaOptions, newPrefix, QUICK, removeTopics } from './kafka-hooks.ts';

const opened: OpenedKafkaLog[] = [];
const children: ChildProcess[] = [];

/** Each log is a process of its own as far as Kafka can tell. */
async function open(prefix: string, limits: object = {}): Promise<OpenedKafkaLog> {
  const options = kafkaOptions(OPTIONS, prefix);
  const log = await openKafkaLog({
    ...options,
    limits: { ...options.limits, ...limits },
    clock: createTestClock(),
  });
  opened.push(log);
  return log;
}

const inEveryPartition = (value: string) =>
  Array.from({ length: PARTITIONS }, (_, partition) => record(partition, value));

async function commits({ desk, names }: OpenedKafkaLog): Promise<number[]> {
  const topics = [names.inCluster(TOPIC)];
  const found = await desk.ask((admin) => admin.fetchOffsets({ groupId: names.inCluster('g'), topics }));
  const of = new Map(found[0]!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return Array.from({ length: PARTITIONS }, (_, partition) => of.get(partition) ?? -1);
}

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  const all = opened.splice(0);
  if (all[0] !== undefined) await removeTopics(all[0], OPTIONS).catch(() => undefined);
  await Promise.all(all.map(({ log }) => log.close()));
});

/** A process that consumes without acking, to be frozen. */
async function startFrozen(prefix: string): Promise<{ frozen: ChildProcess; output: () => string }> {
  const frozen = spawn(process.execPath, ['-', BROKERS.join(','), prefix, String(PARTITIONS)], {
    cwd: __dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(frozen);
  let output = '';
  frozen.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  frozen.stdin.end(await bundled('consume-nothing-acked.ts'));
  return { frozen, output: () => output };
}

describe('groups on Kafka', () => {
  it('what stays here over a rebalance is not handed out again, and what was in flight can be acked', async () => {
    const prefix = newPrefix();
    const [one, two] = [await open(prefix), await open(prefix)];
    const a = await collect(one.log);
    await one.log.append([...inEveryPartition('0'), ...inEveryPartition('1')]);
    await a.count(2 * PARTITIONS);

    const b = await collect(two.log);
    await b.count(PARTITIONS);
    expect(a.revoked).toHaveLength(PARTITIONS / 2);
    await one.log.append(inEveryPartition('2'));
    await until('all came', () => a.got.length + b.got.length >= 4 * PARTITIONS);
    const kept = a.got.filter(({ partition }) => !a.revoked.includes(partition));
    const seen = kept.map(({ partition, offset }) => `${partition}/${offset}`);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength((3 * PARTITIONS) / 2);

    a.ackAll();
    b.ackAll();
    await until('all is committed', async () => (await one.log.lag('g', [TOPIC]))[0]!.records === 0);
  });

  it('a committed mark never moves back, however members come and go', async () => {
    const prefix = newPrefix();
    const logs = await Promise.all([open(prefix), open(prefix), open(prefix)]);
    const [watch] = logs;
    const acked = new Set<string>();
    const join = async (n: number) =>
      logs[n % logs.length]!.log.consume({
        group: 'g',
        topics: [TOPIC],
        onRecord: (consumed) => {
          // Late, so that many acks come after the partition has moved.
          setTimeout(() => {
            acked.add(`${consumed.partition}:${consumed.value.toString()}`);
            consumed.ack();
          }, 40 * Math.random());
        },
      });
    const history = [await commits(watch)];
    const members = [await join(0)];
    for (let round = 0; round < 12; round += 1) {
      const values = Array.from({ length: 50 }, (_, n) => inEveryPartition(`${round}-${n}`)).flat();
      const appended = watch.log.append(values);
      if (round % 3 === 2) await members.shift()!.stop();
      else members.push(await join(round));
      history.push(await commits(watch));
      await appended;
    }
    await until('all was acked', () => acked.size === 12 * 50 * PARTITIONS);
    await until('all is committed', async () => {
      history.push(await commits(watch));
      return (await watch.log.lag('g', [TOPIC]))[0]!.records === 0;
    });
    for (const [at, marks] of history.entries()) {
      const before = history[at - 1] ?? marks;
      expect(marks.every((mark, partition) => mark >= before[partition]!)).toBe(true);
    }
  });

  it('members that stop at the same time have committed what they acked, though the group is shared out meanwhile', async () => {
    const prefix = newPrefix();
    const logs = await Promise.all([open(prefix), open(prefix), open(prefix)]);
    const members = await Promise.all(logs.map(({ log }) => collect(log)));
    const all = (): number => members.reduce((sum, { got }) => sum + got.length, 0);
    await logs[0].log.append(inEveryPartition('x'));
    await until('all came', () => all() >= PARTITIONS);
    for (const member of members) member.ackAll();
    const [first, second, last] = members;
    await Promise.all([first!.consumer.stop(), second!.consumer.stop()]);
    await logs[2].log.append(inEveryPartition('y'));
    await until(
      'the last one has all',
      () => last!.values().filter((value) => value === 'y').length === PARTITIONS,
    );
    expect(members.flatMap((member) => member.values()).filter((value) => value === 'x')).toHaveLength(
      PARTITIONS,
    );
  });

  it('after a graceful stop the others have taken over within two seconds, by default', async () => {
    const prefix = newPrefix();
    // The defaults, which are those of production.
    const limits = { heartbeatIntervalMs: 400, fetchWaitMs: 250, sessionTimeoutMs: 10_000 };
    const [one, two] = [await open(prefix, limits), await open(prefix, limits)];
    const a = await collect(one.log);
    const b = await collect(two.log);
    await one.log.append(inEveryPartition('open'));
    await until('all came', () => a.got.length + b.got.length >= PARTITIONS);
    const startedAt = performance.now();
    await a.consumer.stop();
    await b.count(PARTITIONS);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('a consumer that breaks down comes back, hands out nothing twice, and commits what was acked meanwhile', async () => {
    const one = await open(newPrefix());
    const a = await collect(one.log);
    await one.log.append([...inEveryPartition('0'), ...inEveryPartition('1')]);
    await a.count(2 * PARTITIONS);
    one.interrupt();
    a.ackAll();
    await one.log.append(inEveryPartition('2'));
    await a.count(3 * PARTITIONS);
    expect(a.revoked).toEqual([]);
    await until(
      'the acks are committed',
      async () => (await one.log.lag('g', [TOPIC]))[0]!.records === PARTITIONS,
    );
    expect(a.values().filter((value) => value !== '2')).toHaveLength(2 * PARTITIONS);
    expect(a.got).toHaveLength(3 * PARTITIONS);
  });

  it('members that break down together find what each of them held, and nobody is given it meanwhile', async () => {
    const prefix = newPrefix();
    const [one, two] = [await open(prefix), await open(prefix)];
    const logs = [one, two];
    const members = await Promise.all(logs.map(({ log }) => collect(log)));
    await one.log.append(inEveryPartition('first'));
    await until('it is shared out', () => members.every(({ got }) => got.length >= PARTITIONS / 2));
    const revoked = members.map((member) => member.revoked.length);

    const rounds = 8;
    const later = (): string[] =>
      members.flatMap((member) => member.values()).filter((value) => value !== 'first');
    const startedAt = performance.now();
    for (let round = 1; round <= rounds; round += 1) {
      for (const log of logs) log.interrupt();
      await one.log.append(inEveryPartition(`round ${round}`));
      await until('it goes on', () => later().length >= round * PARTITIONS);
    }
    // A share-out that waits for who has gone takes a session each time.
    expect(performance.now() - startedAt).toBeLessThan((rounds * QUICK.sessionTimeoutMs) / 2);
    expect(members.map((member) => member.revoked.length)).toEqual(revoked);
    expect(later()).toHaveLength(rounds * PARTITIONS);
    for (const member of members) member.ackAll();
    await until('all is committed', async () => (await one.log.lag('g', [TOPIC]))[0]!.records === 0);
  });

  it('a member that was frozen for longer than its session gives up what the others went on with', async () => {
    const prefix = newPrefix();
    const one = await open(prefix);
    const { frozen, output } = await startFrozen(prefix);
    await one.log.append(inEveryPartition('first'));
    await until('it had all', () => output().split('got first').length === PARTITIONS + 1);

    frozen.kill('SIGSTOP');
    // Waits until the frozen one's session is over.
    const b = await collect(one.log, { ack: true });
    await b.count(PARTITIONS);
    await one.log.append(inEveryPartition('second'));
    await b.count(2 * PARTITIONS);
    await b.consumer.stop();
    frozen.kill('SIGCONT');
    await until('it knows', () => output().includes('revoked'));
    await one.log.append(inEveryPartition('third'));
    await until('it goes on', () => output().split('got third').length === PARTITIONS + 1);
    expect(output().split('got first')).toHaveLength(PARTITIONS + 1);
    expect(output()).not.toContain('got second');
    expect(await commits(one)).toEqual([2, 2, 2, 2]);
  });

  it('a member that was frozen gives up what the others have done, also when no mark has moved', async () => {
    const prefix = newPrefix();
    const one = await open(prefix);
    const { frozen, output } = await startFrozen(prefix);
    const times = (what: string): number => output().split(what).length - 1;
    await one.log.append([...inEveryPartition('first'), ...inEveryPartition('second')]);
    await until('it had all', () => times('got') === 2 * PARTITIONS);

    frozen.kill('SIGSTOP');
    const b = await collect(one.log);
    await b.count(2 * PARTITIONS);
    for (const consumed of b.got) if (consumed.value.toString() === 'second') consumed.ack();
    await b.consumer.stop();
    expect(await commits(one)).toEqual([0, 0, 0, 0]);
    frozen.kill('SIGCONT');
    await until('it knows', () => output().includes('revoked'));
    await one.log.append(inEveryPartition('third'));
    await until('it goes on', () => times('got third') === PARTITIONS);
    expect([times('got first'), times('got second')]).toEqual([2 * PARTITIONS, PARTITIONS]);
  });

  it('a member that was away does not take for new what another had meanwhile and committed nothing of', async () => {
    const prefix = newPrefix();
    const one = await open(prefix);
    const { frozen, output } = await startFrozen(prefix);
    const times = (what: string): number => output().split(what).length - 1;
    await one.log.append(inEveryPartition('first'));
    await until('it had all', () => times('got first') === PARTITIONS);

    frozen.kill('SIGSTOP');
    const b = await collect(one.log);
    await one.log.append(inEveryPartition('second'));
    await b.count(2 * PARTITIONS);
    await b.consumer.stop();
    expect(await commits(one)).toEqual([-1, -1, -1, -1]);
    frozen.kill('SIGCONT');
    await until('it goes on', () => times('got second') === PARTITIONS);
    await one.log.append(inEveryPartition('third'));
    await until('it has what is new', () => times('got third') === PARTITIONS);
    expect(output()).not.toContain('revoked');
    expect(times('got second, maybe not the first')).toBe(PARTITIONS);
    expect(times('got third, maybe not the first')).toBe(0);
  });

  it('more done beyond the mark than a commit can say is committed as far as it can, and the rest repeats', async () => {
    const one = await open(newPrefix(), { heldRecordsPerPartition: 3_000 });
    const headers = { 'due-at': '9999999999999' };
    const values = Array.from({ length: 4_000 }, (_, n) =>
      record(0, String(n), n % 2 === 0 ? { headers } : {}),
    );
    await one.log.append(values);
    const a = await collect(one.log, { ack: true });
    await a.count(2_000);
    await a.consumer.stop();
    const b = await collect(one.log);
    await one.log.append([record(0, 'new')]);
    await until('all came', () => b.values().includes('new'));
    expect(b.values()).toEqual([...a.values().slice(1_899), 'new']);
  });
});
