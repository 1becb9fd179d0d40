import { type Evidence, judge } from '../src/judge.ts';
import type { Recorded } from '../src/recorded.ts';
import type { Seen } from '../src/seen.ts';

const SUBSCRIPTION = 'sub-healthy';

/** A run of `count` deliveries in which everything is right. */
function evidence(count = 5): Evidence & { seen: Seen[]; recorded: Map<string, Recorded> } {
  const numbers = Array.from({ length: count }, (_, n) => n);
  return {
    told: {
      promised: new Map(
        numbers.map((n) => [
          `delivery-${n}`,
          { key: `run/load/${n}`, event_id: `event-${n}`, subscription_id: SUBSCRIPTION },
        ]),
      ),
      given_twice: [],
      accepted: new Set(numbers.map((n) => `run/load/${n}`)),
      refused: new Set(),
      unanswered: new Set(),
      subscriptions: new Map([[SUBSCRIPTION, 'delivered']]),
    },
    counters: { events_sent: count, events_accepted: count, deliveries_promised: count },
    seen: numbers.map((n) => ({
      delivery_id: `delivery-${n}`,
      event_id: `event-${n}`,
      key: `run/load/${n}`,
      requests: 1,
      successes: 1,
      latency_ms: 10 + n,
    })),
    recorded: new Map(numbers.map((n) => [`delivery-${n}`, { status: 'delivered', attempts_made: 1 }])),
    repeated: new Map(),
    deliveredP99Ms: 1000,
    mostDuplicates: Infinity,
  };
}

const problems = (of: Evidence): string[] =>
  judge(of).problems.map(({ what, ids }) => (ids.length === 0 ? what : `${what}: ${ids.join(', ')}`));

describe('The verifier of load tests', () => {
  test('finds nothing wrong with a run in which everything arrived once', () => {
    const verdict = judge(evidence());
    expect(verdict.problems).toEqual([]);
    expect(verdict).toMatchObject({ statuses: { delivered: 5 }, arrived: 5, requests: 5, duplicates: 0 });
    expect(verdict.latency).toEqual({ p50: 12, p95: 14, p99: 14, max: 14 });
  });

  test('does not pass when nothing was accepted', () => {
    expect(problems(evidence(0))).toEqual(['nothing was accepted, so nothing was proved']);
  });

  test('finds one delivery that never arrived', () => {
    const run = evidence();
    run.seen.splice(2, 1);
    expect(problems(run)).toEqual([
      'lost: accepted, never delivered: delivery-2',
      'said to be delivered, and it never was: delivery-2',
      'attempts logged that the receiver never saw: delivery-2',
    ]);
  });

  test('finds one delivery that the API does not know', () => {
    const run = evidence();
    run.recorded.delete('delivery-1');
    expect(problems(run)).toEqual(['not known to the API: delivery-1']);
  });

  test('finds a delivery that arrived and that the API calls by another status', () => {
    const run = evidence();
    run.recorded.set('delivery-1', { status: 'failed', attempts_made: 1 });
    expect(problems(run)).toEqual(['delivered, and the API says otherwise: delivery-1']);
  });

  test('does not trust lines that are fewer than the answers counted', () => {
    const run = evidence();
    run.told.promised.delete('delivery-3');
    run.told.accepted.delete('run/load/3');
    expect(problems(run)).toEqual([
      'events sent: k6 counted 5 and told 4',
      'events accepted: k6 counted 5 and told 4',
      'deliveries promised: k6 counted 5 and told 4',
      'delivered, and never promised: delivery-3',
    ]);
  });

  test('excuses an arrival that nobody promised when its event got no answer', () => {
    const run = evidence();
    run.told.promised.delete('delivery-3');
    run.told.accepted.delete('run/load/3');
    run.told.unanswered.add('run/load/3');
    const counters = { events_sent: 5, events_accepted: 4, deliveries_promised: 4 };
    expect(problems({ ...run, counters })).toEqual([]);
  });

  test('finds bodies and event ids that were mixed up', () => {
    const run = evidence();
    run.seen[0]!.key = 'run/load/1';
    run.seen[1]!.event_id = 'event-0';
    expect(problems(run)).toEqual([
      'delivered with the body of another event: delivery-0',
      'delivered under another event id: delivery-1',
    ]);
  });

  test('counts a second success that the attempts explain, and blames one that they do not', () => {
    const run = evidence();
    for (const n of [0, 1, 2]) Object.assign(run.seen[n]!, { requests: 2, successes: 2 });
    const repeated = new Map([
      ['delivery-0', { count: 2, may_repeat: true, unanswered: 0 }],
      ['delivery-1', { count: 2, may_repeat: false, unanswered: 1 }],
      ['delivery-2', { count: 2, may_repeat: false, unanswered: 0 }],
    ]);
    expect(judge({ ...run, repeated }).duplicates).toBe(3);
    expect(problems({ ...run, repeated })).toEqual([
      'delivered again, with nothing to explain it: delivery-2',
    ]);
  });

  test('allows no more than so many of them where somebody promises that', () => {
    const run = { ...evidence(), mostDuplicates: 1 };
    const repeated = new Map(
      [0, 1].map((n) => [`delivery-${n}`, { count: 2, may_repeat: true, unanswered: 0 }]),
    );
    Object.assign(run.seen[0]!, { requests: 2, successes: 2 });
    expect(problems({ ...run, repeated })).toEqual([]);
    Object.assign(run.seen[1]!, { requests: 2, successes: 2 });
    expect(problems({ ...run, repeated })).toEqual(['2 delivered more than once, of at most 1']);
  });

  test('finds requests that no attempt was logged of', () => {
    const run = evidence();
    run.seen[4]!.requests = 2;
    const repeated = new Map([['delivery-4', { count: 1, may_repeat: false, unanswered: 0 }]]);
    expect(problems({ ...run, repeated })).toEqual(['requests that no attempt was logged of: delivery-4']);
  });

  test('finds one delivery id given in two answers', () => {
    const run = evidence();
    run.told.given_twice.push('delivery-0');
    expect(problems(run)).toEqual(['one delivery id in two answers: delivery-0']);
  });

  test('asks of a sick endpoint only that its deliveries are accounted for', () => {
    const run = evidence();
    run.told.subscriptions.set(SUBSCRIPTION, 'any');
    run.seen.splice(0, 2);
    run.recorded.set('delivery-0', { status: 'retrying', attempts_made: 0 });
    run.recorded.delete('delivery-1');
    expect(problems(run)).toEqual(['not known to the API: delivery-1']);
  });

  test('asks of a deleted subscription that each of its deliveries arrived or was cancelled', () => {
    const run = evidence();
    run.told.subscriptions.set(SUBSCRIPTION, 'ended');
    run.seen.splice(0, 2);
    run.recorded.set('delivery-0', { status: 'cancelled', attempts_made: 0 });
    run.recorded.set('delivery-1', { status: 'queued', attempts_made: 0 });
    expect(problems(run)).toEqual(['lost: accepted, neither delivered nor cancelled: delivery-1']);
  });

  test('holds healthy endpoints to the time within which events arrive', () => {
    const run = { ...evidence(), deliveredP99Ms: 12 };
    expect(problems(run)).toEqual(['p99 from send to arrival is 14 ms, more than 12 ms']);
  });
});
