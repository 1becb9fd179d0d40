import { decodeRuns, timeAmong, within } from '../src/done-runs.ts';
import { createCommitter, type Committer } from '../src/kafka/committer.ts';
import { createReader, topicPartition, type Reader } from '../src/kafka/reader.ts';

interface Sent {
  offset: string;
  metadata: string;
}

const committers: Committer[] = [];
afterEach(() => {
  for (const committer of committers.splice(0)) committer.stop();
});

/** @param most longest metadata that the broker takes */
function start({ intervalMs = 60_000, most = 4_096 } = {}) {
  const sent: Sent[] = [];
  const committer = createCommitter({
    ...{ intervalMs, group: 'g', nameOf: (topic: string) => topic },
    commit: ({ topics }) => {
      const one = topics[0]!.partitions[0] as unknown as Sent;
      sent.push(one);
      if (one.metadata.length <= most) return Promise.resolve();
      return Promise.reject(Object.assign(new Error('too large'), { type: 'OFFSET_METADATA_TOO_LARGE' }));
    },
  });
  committers.push(committer);
  return { committer, sent };
}

function reader(): Reader {
  return createReader({
    ...{ partition: topicPartition('t', 0), start: 10, end: 10, done: [] },
    onAhead: () => undefined,
  });
}

/** Every second record is done, the first is not. */
function everySecond({ tracker }: Reader, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const ticket = tracker.track(10 + n);
    if (n % 2 === 1) tracker.done(ticket);
  }
}

describe('commits to Kafka', () => {
  it('tell what is done beyond the mark, also when the mark did not move, at their pace', async () => {
    const { committer, sent } = start({ intervalMs: 1 });
    const one = reader();
    everySecond(one, 4);
    committer.progressed(one);
    expect(committer.pending()).toBe(true);
    while (committer.pending()) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(sent.map(({ offset }) => offset)).toEqual(['10']);
    expect(within(decodeRuns(sent[0]!.metadata, 10), 10, 1_000)).toEqual([
      { from: 11, to: 12 },
      { from: 13, to: 14 },
    ]);
  });

  it('say when they were made, and nothing beyond the mark when there is nothing', async () => {
    const before = Date.now();
    const { committer, sent } = start();
    const one = reader();
    one.tracker.done(one.tracker.track(10));
    committer.progressed(one);
    await committer.flush();
    expect(sent).toMatchObject([{ offset: '11' }]);
    const runs = decodeRuns(sent[0]!.metadata, 11);
    expect(runs).toHaveLength(1);
    expect(timeAmong(runs)).toBeGreaterThanOrEqual(before);
    expect(timeAmong(runs)).toBeLessThanOrEqual(Date.now());
  });

  it('stay below what brokers take by default, however much is done beyond the mark', async () => {
    const { committer, sent } = start();
    const one = reader();
    everySecond(one, 10_000);
    committer.progressed(one);
    await committer.flush();
    expect(committer.pending()).toBe(false);
    const runs = decodeRuns(sent[0]!.metadata, 10);
    expect(runs.slice(0, -1)).toEqual(one.tracker.beyond().slice(0, 1_899));
    // When it was made is never left out.
    expect(timeAmong(runs)).toBeGreaterThan(0);
    expect(sent[0]!.metadata.length).toBeLessThan(4_096);
  });

  it('get through to a broker that takes less, with less', async () => {
    const { committer, sent } = start({ most: 500 });
    const one = reader();
    everySecond(one, 10_000);
    committer.progressed(one);
    for (let tries = 0; tries < 10 && committer.pending(); tries += 1) await committer.flush();
    expect(committer.pending()).toBe(false);
    expect(sent.at(-1)!.metadata.length).toBeGreaterThan(400);
    expect(decodeRuns(sent.at(-1)!.metadata, 10)[0]).toEqual({ from: 11, to: 12 });
  });
});
