import { decodeDelivery, newId, type Attempt, type AttemptView, type EventRow } from '@milena/domain';
import {
  DELIVERIES,
  GROUPS,
  LogUnavailableError,
  retryTopic,
  type GroupLag,
  type LogRecord,
} from '@milena/log';
import {
  BadCursorError,
  LEDGER_KINDS,
  type AttemptReader,
  type DeliveryReader,
  type DeliveryView,
  type Ledger,
  type LedgerKind,
  type LedgerQuestion,
  type LedgerReader,
  type ReplaySource,
  type StatsReader,
} from '@milena/stores';
import type { Tail } from '../../src/live-tail/batch.ts';

export const ids = {
  delivery: '0198c5e2-7d1a-7c3e-9b51-000000000001',
  event: '0198c5e2-7d1a-7c3e-9b51-000000000002',
  attempt: '0198c5e2-7d1a-7c3e-9b51-000000000003',
  subscription: '0198c5e2-7d1a-7c3e-9b51-000000000004',
  unknown: '0198c5e2-7d1a-7c3e-9b51-00000000ffff',
};

export function deliveryView(over: Partial<DeliveryView> = {}): DeliveryView {
  return {
    delivery_id: ids.delivery,
    event_id: ids.event,
    tenant_id: 'default',
    subscription_id: ids.subscription,
    event_type: 'order.created',
    content_type: 'application/json',
    payload_bytes: 7,
    accepted_at: Date.UTC(2026, 0, 1),
    replay_of: null,
    target_url: null,
    status: 'queued',
    attempts_made: 0,
    last_attempt_at: null,
    next_attempt_at: null,
    reason: 'Waits for its first attempt.',
    ...over,
  };
}

export function eventRow(over: Partial<EventRow> = {}): EventRow {
  return {
    delivery_id: ids.delivery,
    event_id: ids.event,
    tenant_id: 'default',
    subscription_id: ids.subscription,
    event_type: 'order.created',
    content_type: 'application/json; charset=utf-8',
    payload: Buffer.from('{"a" : 12345678901234567890, "a":"\\u00e9 é"}'),
    accepted_at: Date.UTC(2026, 0, 1),
    replay_of: null,
    target_url: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ...over,
  };
}

export function attemptView(over: Partial<AttemptView> = {}): AttemptView {
  return {
    id: ids.attempt,
    delivery_id: ids.delivery,
    event_id: ids.event,
    tenant_id: 'default',
    subscription_id: ids.subscription,
    event_type: 'order.created',
    target_url: 'https://example.com/hooks',
    attempt_number: 1,
    started_at: '2026-01-01T00:00:00.000Z',
    duration_ms: 12.5,
    timings: { dns_ms: 1, connect_ms: 2, tls_ms: null, first_byte_ms: 3 },
    resolved_address: '93.184.215.14',
    subscription_version: 1,
    breaker_state: 'closed',
    lane_state: 'healthy',
    outcome: 'failed_attempt',
    outcome_label: 'Failed Attempt',
    http_status: 503,
    error_kind: 'http_status',
    error_detail: 'The endpoint answered 503.',
    response_headers: { 'content-type': 'text/plain' },
    response_body: 'busy',
    next_attempt_at: '2026-01-01T00:00:10.000Z',
    next_reason: 'Retry 1 of 5, 10s after a failure.',
    replay_of: null,
    may_repeat: false,
    worker: 'worker-1',
    ...over,
  };
}

/** A first attempt of the event that succeeded, as it is stored. */
export function attemptOf(event: EventRow, over: Partial<Attempt>): Attempt {
  return {
    attempt_id: newId(over.started_at ?? event.accepted_at),
    delivery_id: event.delivery_id,
    event_id: event.event_id,
    tenant_id: event.tenant_id,
    subscription_id: event.subscription_id,
    event_type: event.event_type,
    target_url: 'https://example.com/hooks',
    attempt_number: 1,
    accepted_at: event.accepted_at,
    started_at: event.accepted_at + 5,
    duration_ms: 12.25,
    dns_ms: null,
    connect_ms: 1.5,
    tls_ms: null,
    first_byte_ms: 10,
    resolved_address: '93.184.215.14',
    subscription_version: 1,
    breaker_state: 'closed',
    lane_state: 'healthy',
    outcome: 'success',
    http_status: 200,
    error_kind: null,
    error_detail: '',
    response_headers: { 'content-type': 'text/plain' },
    response_body: 'ok',
    next_attempt_at: null,
    next_reason: 'Delivered.',
    replay_of: null,
    may_repeat: false,
    worker: 'w',
    ...over,
  };
}

/** Takes what it is given, or nothing while it is away. */
export function createFakeLog() {
  const records: LogRecord[] = [];
  /**
   * `recorded`: how many of the deliveries the recorder has stored; null = all. `waiting`: for their first attempt.
   * `lettersWait`: the recorder has stored no dead letter yet.
   */
  const state: { away: boolean; recorded: number | null; waiting: number; lettersWait: boolean } = {
    away: false,
    recorded: null,
    waiting: 0,
    lettersWait: false,
  };
  const deliveries = () => records.filter(({ topic }) => topic === DELIVERIES);
  return {
    records,
    state,
    deliveries: () => deliveries().map((record) => decodeDelivery(record)),
    lag: (group: string, topics: readonly string[]): Promise<GroupLag[]> => {
      if (state.away) return Promise.reject(new LogUnavailableError('away'));
      const end = deliveries().length;
      const marks: Record<string, number> = {
        [GROUPS.delivery]: end - state.waiting,
        [GROUPS.recorderDeadLetters]: state.lettersWait ? 0 : end,
      };
      const mark = marks[group] ?? state.recorded ?? end;
      return Promise.resolve(
        topics.map((topic) => ({ topic, records: end - mark, partitions: [{ mark, end }] })),
      );
    },
    retryTopics: () => Promise.resolve(['10s', '30s', '1m'].map(retryTopic)),
    append: (appended: readonly LogRecord[]) => {
      if (state.away) return Promise.reject(new LogUnavailableError('away'));
      records.push(...appended);
      return Promise.resolve();
    },
  };
}

export function createFakeDeliveries() {
  const views = new Map<string, DeliveryView>();
  const events = new Map<string, EventRow>();
  const filters: unknown[] = [];
  const reader: DeliveryReader = {
    find: (id) => Promise.resolve(views.get(id) ?? null),
    event: (id) => Promise.resolve(events.get(id) ?? null),
    list: (filter, page) => {
      if (page.cursor !== null) throw new BadCursorError('no such cursor');
      filters.push(filter);
      return Promise.resolve({ data: [...views.values()].slice(0, page.limit), next_cursor: null });
    },
    ofEvent: ({ event_id, tenant_id, status }, page) => {
      if (page.cursor !== null) throw new BadCursorError('no such cursor');
      const data = [...views.values()]
        .filter((view) => view.event_id === event_id)
        .filter((view) => tenant_id === undefined || view.tenant_id === tenant_id)
        .filter((view) => status === undefined || view.status === status);
      return Promise.resolve({ data: data.slice(0, page.limit), next_cursor: null });
    },
  };
  return { views, events, filters, reader };
}

/** Marks are positions in the array, of a full batch behind its last; `stored` may be pushed to at any time. */
export function createFakeAttempts() {
  const stored: AttemptView[] = [];
  const searches: unknown[] = [];
  const tails: (string | null)[] = [];
  const state: { failing: Error | null } = { failing: null };
  const reader: Omit<AttemptReader, 'tail'> & Tail = {
    search: (filter, page) => {
      if (page.cursor !== null) return Promise.reject(new BadCursorError('no such cursor'));
      searches.push(filter);
      return Promise.resolve({ data: stored.slice(0, page.limit), next_cursor: null });
    },
    tail: (mark, limit, tenantId) => {
      tails.push(mark);
      if (state.failing) return Promise.reject(state.failing);
      if (mark === null) return Promise.resolve({ data: [], mark: `m${stored.length}` });
      if (!/^m\d+$/.test(mark)) return Promise.reject(new BadCursorError('no such mark'));
      const from = Number(mark.slice(1));
      const data = stored
        .slice(from)
        .filter(({ tenant_id }) => tenantId === undefined || tenant_id === tenantId)
        .slice(0, limit);
      const last = data.at(-1);
      const end = last && data.length >= limit ? stored.indexOf(last) + 1 : stored.length;
      return Promise.resolve({ data, mark: `m${end}` });
    },
  };
  return { stored, searches, tails, state, reader };
}

export function createFakeStats() {
  const asked: unknown[] = [];
  const latencies = { p50_ms: 10, p95_ms: 20.5, p99_ms: null };
  const reader: StatsReader = {
    perMinute: (filter) => {
      asked.push(filter);
      const minute = { at: filter.since, success: 3, failed_attempt: 1, failure: 0, ...latencies };
      return Promise.resolve([minute]);
    },
    totals: (filter) => {
      asked.push(filter);
      const counts = { events: 4, attempts: 4, success: 3, failed_attempt: 1, failure: 0 };
      return Promise.resolve({ ...counts, filtered: 1, cancelled: 0, expired: 0, ...latencies });
    },
    eventTypes: (filter) => {
      asked.push(filter);
      return Promise.resolve([{ event_type: 'order.created', events: 4, last_seen: filter.since }]);
    },
  };
  return { asked, reader };
}

export function createFakeLedger() {
  const asked: LedgerQuestion[] = [];
  const found = Object.fromEntries(LEDGER_KINDS.map((kind) => [kind, 0])) as Record<LedgerKind, number>;
  const terms = { delivered: 4, filtered: 1, dead_lettered: 2, expired: 1, cancelled: 1 };
  const moving = { queued: 1, retrying: 1, held: 1 };
  const told: Ledger = { accepted: 12, ...terms, ...moving, found, discrepancies: [] };
  const reader: LedgerReader = {
    read: (question) => {
      asked.push(question);
      return Promise.resolve(told);
    },
  };
  /** `told` may be changed. */
  return { asked, told, reader };
}

/** One event of each subscription. */
export function createFakeEventSource(): ReplaySource {
  return {
    count: () => Promise.resolve(1),
    next: (filter, after, { end }) => {
      const item = eventRow({ subscription_id: filter.subscription_id ?? ids.subscription });
      if (after !== null) return Promise.resolve({ items: [], end });
      return Promise.resolve({ items: [item], end: { at: item.accepted_at, id: item.delivery_id } });
    },
  };
}
