import type { Attempts, Recorded } from './recorded.ts';
import type { Seen } from './seen.ts';
import type { Told } from './told.ts';

/** k6's own counters: counted apart from the lines it told. */
export interface Counters {
  events_sent: number;
  events_accepted: number;
  deliveries_promised: number;
}

export interface Evidence {
  told: Told;
  counters: Counters;
  seen: readonly Seen[];
  recorded: ReadonlyMap<string, Recorded>;
  /** Attempts of the deliveries that the receiver saw more of than the API counts. */
  repeated: ReadonlyMap<string, Attempts>;
  /** The slowest that deliveries to healthy endpoints may be, p99 from send to arrival. */
  deliveredP99Ms: number;
  /** Deliveries that may have succeeded more than once, if there is an attempt that says why. */
  mostDuplicates: number;
}

export interface Problem {
  what: string;
  /** Deliveries or keys, when it is about those. */
  ids: string[];
}

export interface Verdict {
  problems: Problem[];
  /** Deliveries promised, by the status that the API gives them. */
  statuses: Record<string, number>;
  /** Promised and delivered to the receiver. */
  arrived: number;
  requests: number;
  /** Deliveries that succeeded more than once, with an attempt that says why. */
  duplicates: number;
  /** Of deliveries to healthy endpoints, send to first arrival, ms. */
  latency: { p50: number; p95: number; p99: number; max: number };
}

/** Nearest rank. */
function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

/** What the lines and the counters of k6 say must be the same, or one of them is not the whole truth. */
function counted({ told, counters }: Evidence): Problem[] {
  const answers = told.accepted.size + told.refused.size + told.unanswered.size;
  const pairs: [string, number, number][] = [
    ['events sent', counters.events_sent, answers],
    ['events accepted', counters.events_accepted, told.accepted.size],
    ['deliveries promised', counters.deliveries_promised, told.promised.size],
  ];
  const problems = pairs
    .filter(([, counter, lines]) => counter !== lines)
    .map(([what, counter, lines]) => ({ what: `${what}: k6 counted ${counter} and told ${lines}`, ids: [] }));
  if (told.promised.size === 0)
    problems.push({ what: 'nothing was accepted, so nothing was proved', ids: [] });
  return problems;
}

/** What each delivery came to, by delivery id: one sentence for each thing that is wrong. */
function wrongWith(id: string, evidence: Evidence, seen: Seen | undefined): string[] {
  const { told, recorded, repeated } = evidence;
  const promised = told.promised.get(id);
  if (!promised) return [];
  const found: string[] = [];
  const expected = told.subscriptions.get(promised.subscription_id);
  const record = recorded.get(id);
  const successes = seen?.successes ?? 0;
  const requests = seen?.requests ?? 0;
  if (expected === undefined) found.push('promised for a subscription that is none of this run');
  if (!record) found.push('not known to the API');
  if (successes === 0 && expected === 'delivered') found.push('lost: accepted, never delivered');
  if (expected === 'ended' && successes === 0 && record?.status !== 'cancelled') {
    found.push('lost: accepted, neither delivered nor cancelled');
  }
  if (record && successes > 0 && record.status !== 'delivered')
    found.push('delivered, and the API says otherwise');
  if (record?.status === 'delivered' && successes === 0) found.push('said to be delivered, and it never was');
  if (record && requests < record.attempts_made) found.push('attempts logged that the receiver never saw');
  if (seen && seen.key !== promised.key) found.push('delivered with the body of another event');
  if (seen && seen.event_id !== promised.event_id) found.push('delivered under another event id');
  const { count = 0, may_repeat = false, unanswered = 0 } = repeated.get(id) ?? {};
  if (successes - 1 > unanswered && !may_repeat) found.push('delivered again, with nothing to explain it');
  if (record?.status === 'delivered' && requests > Math.max(record.attempts_made, count) && !may_repeat) {
    found.push('requests that no attempt was logged of');
  }
  return found;
}

/** Holds what was promised against what the receiver saw and what the API says. */
export function judge(evidence: Evidence): Verdict {
  const { told, recorded, deliveredP99Ms, mostDuplicates } = evidence;
  const seenById = new Map(evidence.seen.map((seen) => [seen.delivery_id, seen]));
  const byProblem = new Map<string, string[]>();
  const blame = (what: string, id: string): void => {
    const ids = byProblem.get(what) ?? [];
    byProblem.set(what, ids);
    ids.push(id);
  };
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  let [arrived, requests, duplicates] = [0, 0, 0];
  for (const [id, { subscription_id }] of told.promised) {
    const seen = seenById.get(id);
    const status = recorded.get(id)?.status ?? 'unknown';
    statuses[status] = (statuses[status] ?? 0) + 1;
    for (const what of wrongWith(id, evidence, seen)) blame(what, id);
    requests += seen?.requests ?? 0;
    if (!seen || seen.successes === 0) continue;
    arrived += 1;
    if (seen.successes > 1) duplicates += 1;
    if (told.subscriptions.get(subscription_id) === 'delivered') latencies.push(seen.latency_ms);
  }
  for (const id of told.given_twice) blame('one delivery id in two answers', id);
  for (const { delivery_id, key } of evidence.seen) {
    const excused = told.promised.has(delivery_id) || told.unanswered.has(key);
    if (!excused) blame('delivered, and never promised', delivery_id);
  }
  latencies.sort((a, b) => a - b);
  const [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((q) => quantile(latencies, q)) as [
    number,
    number,
    number,
    number,
  ];
  const problems = [...counted(evidence), ...[...byProblem].map(([what, ids]) => ({ what, ids }))];
  if (!(p99 <= deliveredP99Ms)) {
    problems.push({ what: `p99 from send to arrival is ${p99} ms, more than ${deliveredP99Ms} ms`, ids: [] });
  }
  if (duplicates > mostDuplicates) {
    problems.push({ what: `${duplicates} delivered more than once, of at most ${mostDuplicates}`, ids: [] });
  }
  return { problems, statuses, arrived, requests, duplicates, latency: { p50, p95, p99, max } };
}
