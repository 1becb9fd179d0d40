import type { Outcome, PostResult } from './attempt.ts';
import { parseDuration, type RetryDelay } from './duration.ts';

/** Share of a wait that may be added to it, so that what failed together does not come back together. */
const JITTER = 0.1;
/** Statuses whose Retry-After counts: RFC 6585 section 4 (429), RFC 9110 section 15.6.4 (503), and the gateways' own. */
const RETRY_AFTER_STATUSES: ReadonlySet<number | null> = new Set([429, 502, 503, 504]);
const GONE = 410;
/** How many rungs of the retry ladder a delivery climbs while it is put off without an attempt. */
const DEFERRAL_STEPS = 3;

/** When and through which retry topic a delivery comes back. */
export interface RetryRoute {
  /** ms since the epoch; never later than 1.1 times the topic's own delay from now. */
  due_at: number;
  /** Text of the configured delay that names the topic, for example `30s`. */
  delay: string;
}

/** What follows an attempt. `reason` is one sentence for people; empty after a success. */
export type Decision =
  | { kind: 'delivered'; reason: '' }
  | ({ kind: 'retry'; reason: string } & RetryRoute)
  /** Dead-lettered. `gone`: the endpoint wants no more, so its subscription is disabled. */
  | { kind: 'give_up'; gone: boolean; reason: string };

export interface AttemptFacts {
  result: Pick<PostResult, 'ok' | 'http_status' | 'retry_after'>;
  /** 1-based number of the attempt just made. */
  attempt: number;
  /** RETRY_DELAYS, rising, at least one. */
  configured: readonly RetryDelay[];
  /** The subscription's own delays; null = all configured ones, empty = no retries. */
  own: readonly string[] | null;
  /** End of the attempt, ms since the epoch. */
  now: number;
  /** In [0, 1). */
  random: number;
}

const OUTCOME_OF: Record<Decision['kind'], Outcome> = {
  delivered: 'success',
  retry: 'failed_attempt',
  give_up: 'failure',
};

export function outcomeOf(decision: Decision): Outcome {
  return OUTCOME_OF[decision.kind];
}

/**
 * Decides what follows an attempt. The n-th failure waits for the n-th delay of the schedule, or for what the endpoint
 * asked for (Retry-After) when that is longer, up to the longest configured delay; then up to 10 % more, never less.
 */
export function decideNext(facts: AttemptFacts): Decision {
  const { result, attempt, configured, own, now } = facts;
  if (result.ok) return { kind: 'delivered', reason: '' };
  if (result.http_status === GONE) {
    return {
      kind: 'give_up',
      gone: true,
      reason: 'the endpoint answered 410 Gone: it wants no more deliveries',
    };
  }
  const schedule = own === null ? configured : ownSchedule(own);
  const step = schedule[attempt - 1];
  if (step === undefined) return { kind: 'give_up', gone: false, reason: spent(schedule.length) };

  const longest = configured.at(-1)?.ms ?? step.ms;
  const scheduled = Math.min(step.ms, longest);
  const asked = RETRY_AFTER_STATUSES.has(result.http_status)
    ? parseRetryAfter(result.retry_after, now)
    : null;
  const which = `retry ${attempt} of ${schedule.length}`;
  const cap = `, capped at ${configured.at(-1)?.text ?? step.text}`;
  if (asked === null || asked <= scheduled) {
    return retry(`${which} after ${step.text}${step.ms > longest ? cap : ''}`, scheduled, facts);
  }
  const wish = `the endpoint asked for ${Math.ceil(asked / 1000)} s (Retry-After)`;
  return retry(`${which}: ${wish}${asked > longest ? cap : ''}`, Math.min(asked, longest), facts);
}

/** `due_at` is later than the reason alone would have it, so the reason says by how much. */
function retry(why: string, wait: number, facts: AttemptFacts): Decision {
  const routed = route(wait, facts);
  const addedMs = routed.due_at - facts.now - wait;
  const added = addedMs < 1000 ? `${addedMs} ms` : `${(addedMs / 1000).toFixed(1)} s`;
  return { kind: 'retry', ...routed, reason: addedMs > 0 ? `${why}, plus ${added} of jitter` : why };
}

/**
 * Decides when a delivery that could not be tried comes back: after the first, second, then third of the configured
 * delays, by how often it was put off before. `wanted` (ms) is a wait known to be enough; it replaces that ladder, up to
 * its top.
 */
export function decideDeferral(facts: {
  deferrals: number;
  configured: readonly RetryDelay[];
  wanted: number | null;
  now: number;
  random: number;
}): RetryRoute {
  const ladder = facts.configured.slice(0, DEFERRAL_STEPS);
  const top = ladder.at(-1)?.ms ?? 0;
  const step = ladder[facts.deferrals]?.ms ?? top;
  return route(facts.wanted === null ? step : Math.min(facts.wanted, top), facts);
}

/**
 * The wait that a Retry-After asks for, in ms from `now`; null when there is none, it lies in the past or can't be read.
 * Both forms of RFC 9110 section 10.2.3: seconds, or an HTTP date in any of its three formats (section 5.6.7).
 */
export function parseRetryAfter(text: string | null, now: number): number | null {
  const value = text?.trim() ?? '';
  if (/^\d+$/.test(value)) return positive(Number(value) * 1000);
  if (!HTTP_DATE.test(value)) return null;
  // asctime carries no zone and would be read as local time; all three formats mean GMT.
  return positive(Date.parse(value.endsWith('GMT') ? value : `${value} GMT`) - now);
}

const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;

function positive(ms: number): number | null {
  return ms > 0 ? ms : null;
}

/** A delay that left the configuration since it was set still counts as a wait; it only has no topic of its own. */
function ownSchedule(own: readonly string[]): RetryDelay[] {
  return own.flatMap((text) => {
    const ms = parseDuration(text);
    return ms === null ? [] : [{ text, ms }];
  });
}

/** The topic with the smallest delay that covers the wait, so that no record holds up those behind it for long. */
function route(
  wait: number,
  facts: { configured: readonly RetryDelay[]; now: number; random: number },
): RetryRoute {
  const topic = facts.configured.find((delay) => delay.ms >= wait) ?? facts.configured.at(-1);
  if (topic === undefined) throw new RangeError('at least one retry delay must be configured');
  return { due_at: Math.ceil(facts.now + wait * (1 + JITTER * facts.random)), delay: topic.text };
}

function spent(retries: number): string {
  if (retries === 0) return 'the subscription wants no retries';
  return retries === 1 ? 'the only retry is used up' : `all ${retries} retries are used up`;
}
