import { randomBytes } from 'node:crypto';
import {
  encodeDeadLetter,
  encodeDelivery,
  encodeHeld,
  encodeLogEntries,
  newId,
  type Attempt,
  type Delivery,
  type Disposition,
  type LogEntry,
} from '@milena/domain';
import {
  DEAD_LETTER,
  DELIVERIES,
  DELIVERY_LOG,
  HELD,
  type ConsumedRecord,
  type ConsumeOptions,
  type LogRecord,
  type MessageLog,
} from '@milena/log';
import { createLogger, createMetrics, createTestClock, type Clock } from '@milena/runtime';
import type { DeadLetter, HeldDelivery, HistoryWriter, InsertBatch } from '@milena/stores';
import { createRecorderService, type RecorderDeps } from '../src/service.ts';

/** A log whose records a test hands out by itself, and that remembers which were acknowledged. */
function createHandFedLog() {
  const consumers = new Map<string, ConsumeOptions & { paused: boolean; stopped: boolean }>();
  const acked: string[] = [];
  let offset = 0n;
  const log: Pick<MessageLog, 'consume' | 'lag'> = {
    // No answer, so that no timer of that disturbs a test that counts timers.
    lag: () => new Promise(() => undefined),
    consume: (options) => {
      const consumer = { ...options, paused: false, stopped: false };
      for (const topic of options.topics) consumers.set(topic, consumer);
      return Promise.resolve({
        pause: () => {
          consumer.paused = true;
        },
        stop: () => {
          consumer.stopped = true;
          return Promise.resolve();
        },
      });
    },
  };
  return {
    log,
    /** Names of the acknowledged records, in order. */
    acked,
    consumer: (topic: string) => consumers.get(topic)!,
    feed: (name: string, record: LogRecord, over: Partial<ConsumedRecord> = {}) => {
      offset += 1n;
      consumers.get(record.topic)!.onRecord({
        ...record,
        partition: 0,
        offset,
        maybeRedelivered: false,
        ack: () => acked.push(name),
        ...over,
      });
    },
  };
}

/** Keeps rows in memory, knows a batch that comes again as a whole, and fails as often as it is told to. */
export function createMemoryStores() {
  const rows = { events: [] as string[], attempts: [] as string[], dispositions: [] as string[] };
  const batches: number[] = [];
  const letters: DeadLetter[] = [];
  const heldRows: HeldDelivery[] = [];
  const asked: string[][] = [];
  const failures = { before: 0, after: 0, only: null as keyof typeof rows | null };
  const known = new Set<string>();
  const insert = (table: keyof typeof rows, ids: string[]): Promise<void> => {
    const fails = failures.only === null || failures.only === table;
    if (fails && failures.before-- > 0) return Promise.reject(new Error('the store is away'));
    if (!known.has(ids.join())) rows[table].push(...ids);
    known.add(ids.join());
    batches.push(ids.length);
    if (failures.after-- > 0) return Promise.reject(new Error('the answer was lost'));
    return Promise.resolve();
  };
  const begin = <Row>(table: keyof typeof rows, idOf: (row: Row) => string): InsertBatch<Row> => {
    let ids: string[] = [];
    return {
      add: (row) => {
        ids.push(idOf(row));
      },
      keep: (wanted) => {
        ids = ids.filter((_, place) => wanted(place));
      },
      size: () => ids.length,
      store: () => insert(table, ids),
    };
  };
  const history: HistoryWriter = {
    events: () => begin('events', (row) => row.delivery_id),
    attempts: () => begin('attempts', (row) => row.attempt_id),
    dispositions: () => begin('dispositions', (row) => `${row.what}/${row.delivery_id}`),
    known: (table, ids) => {
      asked.push([...ids]);
      return Promise.resolve(new Set(ids.filter((id) => rows[table].includes(id))));
    },
  };
  const deadLetters = {
    insert: (all: readonly DeadLetter[]) => {
      letters.push(...all);
      return Promise.resolve();
    },
  };
  const held = {
    insert: (all: readonly HeldDelivery[]) => {
      heldRows.push(...all);
      return Promise.resolve();
    },
  };
  return { history, deadLetters, held, heldRows, rows, batches, letters, asked, failures };
}

const silent = createLogger({ service: 'recorder', level: 'silent' });

export function createTestRecorder(
  deps: Pick<RecorderDeps, 'log' | 'history' | 'deadLetters' | 'held'> & {
    clock: Clock;
  } & Partial<RecorderDeps>,
) {
  const metrics = createMetrics();
  return { recorder: createRecorderService({ logger: silent, metrics, ...deps }), metrics };
}

export const T0 = Math.floor(Date.now() / 1000) * 1000;

export function delivery(over: Partial<Delivery> = {}): Delivery {
  return {
    delivery_id: newId(T0),
    event_id: newId(T0),
    tenant_id: 'default',
    subscription_id: newId(T0),
    event_type: 'order.created',
    content_type: 'application/json',
    accepted_at: T0,
    attempt: 1,
    due_at: null,
    deferrals: 0,
    may_repeat: false,
    replay_of: null,
    resumed_at: null,
    target_url: null,
    traceparent: null,
    payload: Buffer.from('{"a": 1}'),
    ...over,
  };
}

export function attempt(of: Delivery): Attempt {
  return {
    attempt_id: newId(T0),
    delivery_id: of.delivery_id,
    event_id: of.event_id,
    tenant_id: of.tenant_id,
    subscription_id: of.subscription_id,
    event_type: of.event_type,
    target_url: 'https://example.com/',
    attempt_number: 1,
    accepted_at: of.accepted_at,
    started_at: of.accepted_at + 5,
    duration_ms: 7,
    dns_ms: null,
    connect_ms: null,
    tls_ms: null,
    first_byte_ms: null,
    resolved_address: null,
    subscription_version: 1,
    breaker_state: 'closed',
    lane_state: 'healthy',
    outcome: 'success',
    http_status: 200,
    error_kind: null,
    error_detail: '',
    response_headers: {},
    response_body: '',
    next_attempt_at: null,
    next_reason: 'delivered',
    replay_of: null,
    may_repeat: false,
    worker: 'w',
  };
}

export function disposition(of: Delivery, what: Disposition['what']): Disposition {
  return {
    delivery_id: of.delivery_id,
    event_id: of.event_id,
    tenant_id: of.tenant_id,
    subscription_id: of.subscription_id,
    event_type: of.event_type,
    at: of.accepted_at + 1,
    what,
    why: 'because',
    next_attempt_at: null,
  };
}

export const many = (count: number) => Array.from({ length: count }, () => delivery());

export const deliveryRecord = (of: Delivery): LogRecord => ({ topic: DELIVERIES, ...encodeDelivery(of) });
export const logRecord = (...entries: [LogEntry, ...LogEntry[]]): LogRecord => ({
  topic: DELIVERY_LOG,
  ...encodeLogEntries(entries),
});
export const attemptRecord = (row: Attempt): LogRecord => logRecord({ kind: 'attempt', attempt: row });
export const deadLetterRecord = (of: Delivery): LogRecord => ({
  topic: DEAD_LETTER,
  ...encodeDeadLetter(of, { reason: 'retries used up', at: T0 + 9, attempts: 6 }),
});

export const heldRecord = (of: Delivery): LogRecord => ({ topic: HELD, ...encodeHeld(of, T0 + 9) });

/** Lets every promise that can settle do so. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export async function startRecorder(
  over: { maxRecords?: number; maxBytes?: number; spacingMs?: number; drainTimeoutMs?: number } = {},
) {
  const clock = createTestClock(T0 + 1000);
  let setBackBy = 0;
  const shown: Clock = { now: () => clock.now() - setBackBy, after: (ms, task) => clock.after(ms, task) };
  const fed = createHandFedLog();
  const stores = createMemoryStores();
  const { recorder, metrics } = createTestRecorder({ ...stores, log: fed.log, clock: shown, ...over });
  await recorder.start();
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  /** Timers go on as before. */
  const setBack = (ms: number) => {
    setBackBy += ms;
  };
  return { clock, ...fed, ...stores, recorder, metrics, advance, setBack };
}

export const databaseName = () => `test_${randomBytes(6).toString('hex')}`;
