import { createOffsetTracker } from '../src/offset-tracker.ts';

/** mulberry32: a small repeatable generator, so that a failing run can be played again from its seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe('offset tracker', () => {
  it('a later success never moves the mark past an earlier open record', () => {
    const tracker = createOffsetTracker(5);
    const [a, b, c] = [tracker.track(5), tracker.track(6), tracker.track(7)];
    expect(tracker.done(c)).toBe(false);
    expect(tracker.done(b)).toBe(false);
    expect(tracker.mark()).toBe(5);
    expect(tracker.done(a)).toBe(true);
    expect(tracker.mark()).toBe(8);
    expect(tracker.open()).toBe(0);
  });

  it('gaps between offsets do not stop the mark', () => {
    const tracker = createOffsetTracker(0);
    const tickets = [3, 10, 11, 500].map((offset) => tracker.track(offset));
    for (const ticket of tickets.slice(0, 3)) tracker.done(ticket);
    expect(tracker.mark()).toBe(12);
    tracker.done(tickets[3]!);
    expect(tracker.mark()).toBe(501);
  });

  it('finishing a record twice counts once', () => {
    const tracker = createOffsetTracker(0);
    const [a, b] = [tracker.track(0), tracker.track(1)];
    tracker.done(b);
    expect(tracker.done(b)).toBe(false);
    expect(tracker.open()).toBe(1);
    tracker.done(a);
    expect(tracker.done(a)).toBe(false);
    expect(tracker.open()).toBe(0);
    expect(tracker.mark()).toBe(2);
  });

  it('a backlog that comes, is done from its end on, and goes is as if it had never been', () => {
    const tracker = createOffsetTracker(0);
    let next = 0;
    const track = (count: number) => Array.from({ length: count }, () => tracker.track(next++));
    for (const size of [10_000, 3, 10_000]) {
      const start = next;
      const [first, ...others] = track(size);
      for (const ticket of others.reverse()) expect(tracker.done(ticket)).toBe(false);
      expect([tracker.mark(), tracker.open()]).toEqual([start, 1]);
      expect(tracker.beyond()).toEqual([{ from: start + 1, to: next }]);
      expect(tracker.done(first!)).toBe(true);
      expect([tracker.mark(), tracker.open(), tracker.beyond()]).toEqual([next, 0, []]);
    }
  });

  it('agrees with a slow model over random hand-outs and acks', () => {
    const seed = Date.now() % 2 ** 31;
    const random = randomFrom(seed);
    const tracker = createOffsetTracker(0);
    const offsets: number[] = [];
    const open = new Map<number, number>();
    let next = 0;
    let expected = 0;
    for (let step = 0; step < 20_000; step += 1) {
      if (open.size === 0 || random() < 0.5) {
        next += random() < 0.1 ? 1 + Math.floor(random() * 50) : 0;
        open.set(next, tracker.track(next));
        offsets.push(next);
        next += 1;
      } else {
        const choices = [...open.keys()].slice(0, 64);
        const offset = choices[Math.floor(random() * choices.length)]!;
        tracker.done(open.get(offset)!);
        open.delete(offset);
      }
      while (offsets.length > 0 && !open.has(offsets[0]!)) expected = offsets.shift()! + 1;
      if (tracker.mark() !== expected || tracker.open() !== open.size) {
        throw new Error(
          `seed ${seed}, step ${step}: mark ${tracker.mark()}, model ${expected}; open ${tracker.open()}, model ${open.size}`,
        );
      }
    }
    expect(tracker.mark()).toBe(expected);
  });

  it('stays fast while one old record is open: a million acks behind it in well under ten seconds', () => {
    const tracker = createOffsetTracker(0);
    const stuck = tracker.track(0);
    for (let offset = 1; offset <= 1_000_000; offset += 1) tracker.done(tracker.track(offset));
    expect(tracker.mark()).toBe(0);
    tracker.done(stuck);
    expect(tracker.mark()).toBe(1_000_001);
  }, 10_000);

  it('tells what is done beyond the mark, over hand-overs, as a slow model does', () => {
    const seed = Date.now() % 2 ** 31;
    const random = randomFrom(seed);
    /** By offset, all records there are: whether it is done. Gaps between them. */
    const records = new Map<number, boolean>();
    for (let offset = 0; records.size < 3_000; offset += random() < 0.1 ? 1 + Math.floor(random() * 50) : 1) {
      records.set(offset, false);
    }
    const offsets = [...records.keys()];
    let tracker = createOffsetTracker(0);
    let open = new Map<number, number>();
    let next = 0;
    const check = (step: number): void => {
      const beyond = tracker.beyond();
      const told = (offset: number): boolean =>
        offset < tracker.mark() || beyond.some(({ from, to }) => from <= offset && offset < to);
      const wrong = offsets.find((offset) => told(offset) !== records.get(offset));
      const ordered = beyond.every(
        ({ from, to }, n) => from < to && from > (beyond[n - 1]?.to ?? tracker.mark() - 1),
      );
      if (wrong !== undefined || !ordered) throw new Error(`seed ${seed}, step ${step}: ${wrong}`);
    };
    for (let step = 0; [...records.values()].includes(false); step += 1) {
      if (random() < 0.002) {
        tracker = createOffsetTracker(tracker.mark(), tracker.beyond());
        open = new Map();
        next = offsets.filter((offset) => offset < tracker.mark()).length;
      }
      const offset = offsets[next];
      if (offset !== undefined && (open.size === 0 || random() < 0.5)) {
        next += 1;
        const wasDone = tracker.wasDone(offset);
        expect(wasDone).toBe(records.get(offset));
        const ticket = tracker.track(offset);
        if (wasDone) tracker.done(ticket);
        else open.set(offset, ticket);
      } else {
        const choices = [...open.keys()].slice(random() < 0.1 ? 0 : 5, 64);
        const chosen = choices[Math.floor(random() * choices.length)];
        if (chosen === undefined) continue;
        tracker.done(open.get(chosen)!);
        open.delete(chosen);
        records.set(chosen, true);
      }
      if (step % 20 === 0) check(step);
    }
    check(-1);
    // The last owner may not have come to what those before it did last.
    for (const offset of offsets.slice(next)) {
      expect(tracker.wasDone(offset)).toBe(true);
      tracker.done(tracker.track(offset));
    }
    expect(tracker.mark()).toBe(offsets.at(-1)! + 1);
    expect(tracker.beyond()).toEqual([]);
  });

  it('tells what a million acks beyond an old record come to as fast as what one does', () => {
    const tracker = createOffsetTracker(0);
    tracker.track(0);
    for (let offset = 1; offset <= 1_000_000; offset += 1) tracker.done(tracker.track(offset));
    for (let n = 0; n < 100_000; n += 1) {
      if (tracker.beyond()[0]?.to !== 1_000_001) throw new Error('a run is missing');
    }
    expect(tracker.beyond()).toEqual([{ from: 1, to: 1_000_001 }]);
  }, 10_000);
});
