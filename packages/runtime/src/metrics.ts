import {
  AggregatorRegistry,
  Counter,
  Gauge,
  Histogram,
  Registry,
  collectDefaultMetrics,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client';

/** Seconds, from a fast in-house endpoint to the 60 s that a subscription may allow at most. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const SIZE_BUCKETS = [1, 5, 10, 50, 100, 500, 1000, 5000, 10_000];

/** Makers of instruments: the project's prefix, one registry. */
function createInstruments(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `milena_${name}`, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `milena_${name}`, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ) => new Histogram<L>({ name: `milena_${name}`, help, buckets, labelNames: [...labelNames], registers });
  return { counter, gauge, histogram };
}

function createRecorderMetrics({ counter, gauge, histogram }: ReturnType<typeof createInstruments>) {
  return {
    recorderBatch: histogram('recorder_batch_rows', 'Rows per insert', SIZE_BUCKETS, ['table']),
    recorderLag: histogram(
      'recorder_lag_seconds',
      'From what happened to its row being stored',
      LATENCY_BUCKETS,
      ['table'],
    ),
    recorderErrors: counter('recorder_insert_errors_total', 'Inserts that failed and were tried again', [
      'table',
    ]),
    recorderUndecodable: counter(
      'recorder_undecodable_records_total',
      'Records the recorder skipped because they can not be decoded',
      ['topic'],
    ),
    ledgerImbalance: gauge('ledger_imbalance_deliveries', 'Accepted, and nothing is told of them since', [
      'window',
    ]),
  };
}

/** What is held back, and what is delivered again. */
function createRecoveryMetrics({ counter, gauge }: ReturnType<typeof createInstruments>) {
  return {
    heldDeliveries: gauge('held_deliveries', 'Deliveries held while their subscriptions are paused'),
    heldOldest: gauge('held_oldest_age_seconds', 'Age of the oldest held delivery; 0 = none is held'),
    replaysRunning: gauge('replays_running', 'Replay jobs that this process carries on'),
    replayItems: counter('replay_items_total', 'Items of replays, by what became of them', ['result']),
  };
}

/**
 * The one catalogue of metrics: nothing else in the project makes an instrument. Labels are small closed sets; an id or
 * a URL never is one.
 */
export function createMetrics(options: { process?: boolean } = {}) {
  const registry = new Registry();
  const ofProcess = new Registry();
  if (options.process) collectDefaultMetrics({ register: ofProcess });
  const instruments = createInstruments(registry);
  const { counter, gauge, histogram } = instruments;

  return {
    /** The project's own. */
    registry,
    /** Node's, about the process; none unless asked for. */
    ofProcess,
    ...createRecorderMetrics(instruments),
    ...createRecoveryMetrics(instruments),
    eventsAccepted: counter('events_accepted_total', 'Events answered with 202', ['status']),
    ingestRefused: counter('ingest_refused_total', 'Ingest requests refused, by reason', ['reason']),
    httpDuration: histogram('http_request_duration_seconds', 'Time to answer', LATENCY_BUCKETS, [
      'route',
      'status',
    ]),
    appendBatch: histogram('append_batch_records', 'Records per append to the log', SIZE_BUCKETS),
    attempts: counter('attempts_total', 'Attempts by outcome and error kind', ['outcome', 'error_kind']),
    attemptDuration: histogram('attempt_duration_seconds', 'Time of one attempt', LATENCY_BUCKETS, [
      'outcome',
    ]),
    firstAttemptWait: histogram(
      'first_attempt_wait_seconds',
      'From acceptance to the start of the first attempt',
      LATENCY_BUCKETS,
    ),
    dueTimeError: histogram(
      'due_time_error_seconds',
      'How late a retry began after its due time',
      LATENCY_BUCKETS,
    ),
    deferrals: counter('deferrals_total', 'Deliveries put off without an attempt, by reason', ['reason']),
    dispositions: counter('dispositions_total', 'What became of deliveries other than by an attempt', [
      'what',
    ]),
    deadLetters: counter('dead_letters_total', 'Deliveries given up, by reason', ['reason']),
    lanes: gauge('lanes', 'Lanes in memory by state', ['state']),
    breakers: gauge('breakers', 'Breakers by state', ['state']),
    inFlight: gauge('attempts_in_flight', 'Attempts under way'),
    workerQueue: gauge('worker_queue_records', 'Records taken from the log and waiting in lanes'),
    consumerLag: gauge('consumer_lag_records', 'Records a group has not committed yet', ['group', 'topic']),
    cacheLookups: counter('subscription_cache_lookups_total', 'Look-ups of subscriptions', ['result']),
    eventLoopLag: histogram(
      'event_loop_lag_seconds',
      'Event loop delay',
      [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    ),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** The project's own metrics of another thread, as its registry gives them. */
export type MetricsOfThread = MetricObjectWithValues<MetricValue<string>>[];

/**
 * All that is counted as Prometheus reads it, the project's own with those of another thread added. Each is collected once:
 * some of Node's begin anew when they are.
 */
export async function metricsText(
  { registry, ofProcess }: Pick<Metrics, 'registry' | 'ofProcess'>,
  ofThread: MetricsOfThread = [],
): Promise<string> {
  if (ofThread.length === 0) return Registry.merge([ofProcess, registry]).metrics();
  const both = AggregatorRegistry.aggregate([await registry.getMetricsAsJSON(), ofThread]);
  return [await ofProcess.metrics(), await both.metrics()].join('\n');
}
