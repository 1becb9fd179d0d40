/** Topic names, the same in every adapter. */
export const DELIVERIES = 'deliveries';
export const DEAD_LETTER = 'deliveries.dead-letter';
/** Deliveries of paused subscriptions, on their way into Postgres. */
export const HELD = 'deliveries.held';
export const DELIVERY_LOG = 'delivery-log';

const RETRY = 'deliveries.retry.';

/** The retry topic for one entry of RETRY_DELAYS, for example `deliveries.retry.30s`. */
export function retryTopic(delay: string): string {
  return RETRY + delay;
}

/** The delay whose retry topic this is; null for any other topic. */
export function delayOf(topic: string): string | null {
  return topic.startsWith(RETRY) ? topic.slice(RETRY.length) : null;
}

/** Consumer groups by the service that runs them. */
export const GROUPS = {
  delivery: 'milena.delivery',
  recorderEvents: 'milena.recorder.events',
  recorderLog: 'milena.recorder.log',
  recorderDeadLetters: 'milena.recorder.dead-letters',
  recorderHeld: 'milena.recorder.held',
} as const;

export interface TopicSpec {
  name: string;
  /** Its records are written well before they are due, and may be looked for less often. */
  ahead?: boolean;
  /** How long records stay for a log that keeps them after they were consumed. */
  retentionMs: number;
  /** Every group that must have committed a record before a log may drop it early. */
  groups: readonly string[];
}

const DAY_MS = 86_400_000;

function retrySpec(name: string): TopicSpec {
  return { name, retentionMs: 7 * DAY_MS, groups: [GROUPS.delivery], ahead: true };
}

/** What the table of retry delays of a former time left: topics of delays that are in it no more. */
export function formerRetryTopics(found: Iterable<string>, table: readonly TopicSpec[]): TopicSpec[] {
  const known = new Set(table.map(({ name }) => name));
  return [...found].filter((name) => delayOf(name) !== null && !known.has(name)).map(retrySpec);
}

/** The topic table: one row per topic, given the configured retry delays (texts such as `10s`). */
export function topicTable(retryDelays: readonly string[]): TopicSpec[] {
  return [
    { name: DELIVERIES, retentionMs: 7 * DAY_MS, groups: [GROUPS.delivery, GROUPS.recorderEvents] },
    ...retryDelays.map((delay) => retrySpec(retryTopic(delay))),
    { name: DEAD_LETTER, retentionMs: 30 * DAY_MS, groups: [GROUPS.recorderDeadLetters] },
    { name: HELD, retentionMs: 7 * DAY_MS, groups: [GROUPS.recorderHeld] },
    { name: DELIVERY_LOG, retentionMs: 7 * DAY_MS, groups: [GROUPS.recorderLog] },
  ];
}
