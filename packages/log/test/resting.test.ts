import { createResting } from '../src/kafka/resting.ts';

const LEADERS: Record<string, Record<number, string>> = {
  retry: { 0: 'a', 1: 'a', 2: 'b' },
  fresh: { 0: 'a', 1: 'a', 2: 'b' },
};
const EVERYTHING = ['fresh', 'retry'].flatMap((topic) =>
  [0, 1, 2].map((partition) => ({ topic, partition })),
);

/** What is fetched, as kafkajs would keep it. */
function create() {
  jest.useFakeTimers();
  const paused = new Set<string>();
  const resting = createResting({
    hasTime: (topic) => topic === 'retry',
    leaders: (topic, partitions) => {
      const led: Record<string, number[]> = {};
      for (const one of partitions) (led[LEADERS[topic]?.[one] ?? ''] ??= []).push(one);
      return led;
    },
    steer: {
      pause: (topic, partitions) => {
        for (const one of partitions) paused.add(`${topic}/${one}`);
      },
      resume: (topic, partitions) => {
        for (const one of partitions) paused.delete(`${topic}/${one}`);
      },
    },
  });
  resting.assigned(EVERYTHING);
  /** What a fetch from the broker asks for. */
  const fetch = (nodeId: string): string[] => {
    resting.fetching(nodeId);
    return EVERYTHING.filter(({ topic, partition }) => LEADERS[topic]?.[partition] === nodeId)
      .map(({ topic, partition }) => `${topic}/${partition}`)
      .filter((id) => !paused.has(id));
  };
  return { resting, fetch, paused };
}

afterEach(() => {
  jest.useRealTimers();
});

describe('topics whose records have time', () => {
  it('are asked for in the first fetch, and again after 250 ms', () => {
    const { fetch } = create();
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1', 'retry/0', 'retry/1']);
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1']);
    jest.advanceTimersByTime(249);
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1']);
    jest.advanceTimersByTime(1);
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1', 'retry/0', 'retry/1']);
  });

  it('rest for each broker by itself, so that nothing is paused while it is being fetched', () => {
    const { fetch, paused } = create();
    fetch('b');
    fetch('a');
    fetch('a');
    expect([...paused]).toEqual(['retry/0', 'retry/1']);
    fetch('b');
    jest.advanceTimersByTime(250);
    expect(fetch('b')).toEqual(['fresh/2', 'retry/2']);
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1', 'retry/0', 'retry/1']);
  });

  it('stay paused when they are, asleep or awake', () => {
    const { resting, fetch } = create();
    resting.pause({ topic: 'retry', partition: 0 });
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1', 'retry/1']);
    fetch('a');
    jest.advanceTimersByTime(250);
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1', 'retry/1']);
    resting.resume({ topic: 'retry', partition: 0 });
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1']);
    jest.advanceTimersByTime(250);
    expect(fetch('a')).toEqual(['fresh/0', 'fresh/1', 'retry/0', 'retry/1']);
  });

  it('that sleep are not woken by a resume', () => {
    const { resting, fetch, paused } = create();
    fetch('a');
    fetch('a');
    resting.resume({ topic: 'retry', partition: 0 });
    expect([...paused]).toEqual(['retry/0', 'retry/1']);
  });

  it('wake when the group is shared out anew', () => {
    const { resting, fetch, paused } = create();
    fetch('a');
    fetch('a');
    resting.assigned([{ topic: 'retry', partition: 1 }]);
    expect(paused.size).toBe(0);
  });
});

it('a topic without time is paused and resumed at once', () => {
  const { resting, fetch } = create();
  resting.pause({ topic: 'fresh', partition: 1 });
  expect(fetch('a')).toEqual(['fresh/0', 'retry/0', 'retry/1']);
  resting.resume({ topic: 'fresh', partition: 1 });
  expect(fetch('a')).toEqual(['fresh/0', 'fresh/1']);
});
