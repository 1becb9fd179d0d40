// What a run can be told by environment variables. README.md lists them; every one has a default that works against
// `npm start`.

function text(name: string, fallback: string): string {
  const given = __ENV[name];
  return given === undefined || given === '' ? fallback : given;
}

/** @throws Error when the variable is no number, or negative */
export function number(name: string, fallback: number): number {
  const value = Number(text(name, String(fallback)));
  if (!(value >= 0)) throw new Error(`${name} must be a number of 0 or more`);
  return value;
}

/** Seconds of `30s`, `5m` or `1h`. */
export function seconds(name: string, fallback: string): number {
  const match = /^(\d+)(s|m|h)$/.exec(text(name, fallback));
  if (!match) throw new Error(`${name} must read like 30s, 5m or 1h`);
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] as 's' | 'm' | 'h'];
}

const api = text('API', 'http://127.0.0.1:8080');

export const settings = {
  api,
  ingest: text('INGEST', api),
  key: text('KEY', ''),
  receiver: text('RECEIVER', 'http://127.0.0.1:8090'),
  /** Tells this run's events from those of others, and names its tenant. */
  run: text('RUN', Date.now().toString(36)),
  bytes: number('BYTES', 1024),
  subscriptions: number('SUBSCRIPTIONS', 20),
  warmUpS: seconds('WARM_UP', '3s'),
  /** Whoever set this looks at the subscriptions after the run, and removes them. */
  keep: text('KEEP', '') !== '',
};

/** The promise is 100 ms; a machine that runs everything at once may need more. */
const P99_MS = number('P99_MS', 100);
/** Share of the iterations that k6 may leave out because it has no virtual user free. */
const DROPPED = number('DROPPED', 0.001);
/** Share of the events that may be refused (429, 503). */
const REFUSED = number('REFUSED', 0);

type Thresholds = Record<string, string[]>;

/** What every scenario holds ingest to. `iterations`: how many are planned. */
export function thresholds(iterations: number, more: Thresholds = {}): Thresholds {
  return {
    'http_req_duration{name:ingest}': [`p(99)<=${P99_MS}`],
    events_refused: [`rate<=${REFUSED}`],
    events_unanswered: ['count==0'],
    events_accepted: ['count>0'],
    dropped_iterations: [`count<=${Math.ceil(iterations * DROPPED)}`],
    checks: ['rate==1'],
    ...more,
  };
}

/** An executor that starts `rate` iterations a second whatever the answers take, as producers do. */
export function steady(rate: number, durationS: number) {
  return {
    executor: 'constant-arrival-rate' as const,
    rate,
    timeUnit: '1s',
    duration: `${durationS}s`,
    gracefulStop: '30s',
    ...users(rate),
  };
}

/** Virtual users for so many iterations a second: at once for answers of half a second, in the end for those of 2 s. */
export function users(rate: number): { preAllocatedVUs: number; maxVUs: number } {
  const preAllocatedVUs = Math.max(20, Math.ceil(rate / 2));
  return { preAllocatedVUs, maxVUs: Math.max(preAllocatedVUs, Math.min(1000, rate * 2)) };
}

export const limits = { setupTimeout: '120s', teardownTimeout: '120s' };
