import { parseDuration, secretSchema, type RetryDelay } from '@milena/domain';
import { LOG_LEVELS, type LogLevel, type Setting } from '@milena/runtime';

function text(doc: string, fallback: string | null, secret = false): Setting<string> {
  return { doc, fallback, parse: (value) => value, secret };
}

function wholeNumber(doc: string, fallback: number, min: number, max: number): Setting<number> {
  return {
    doc,
    fallback: String(fallback),
    parse: (value) => {
      const number = Number(value);
      if (Number.isSafeInteger(number) && number >= min && number <= max) return number;
      throw new Error(`must be a whole number from ${min} to ${max}, for example ${fallback}`);
    },
  };
}

function durationMs(doc: string, fallback: string, longest = '3650d'): Setting<number> {
  return {
    doc,
    fallback,
    parse: (value) => {
      const ms = parseDuration(value);
      if (ms !== null && ms > 0 && ms <= (parseDuration(longest) ?? 0)) return ms;
      throw new Error(`must be a duration above zero and at most ${longest}, for example ${fallback}`);
    },
  };
}

const port = (doc: string, fallback: number): Setting<number> => wholeNumber(doc, fallback, 0, 65_535);

const LONGEST_DELAY_MS = 24 * 3_600_000;

/** At most 16 steps of at most a day, in rising order, no step twice (each has a topic of its own). */
function parseRetryDelays(value: string): RetryDelay[] {
  const hint = 'must be rising durations of at most 24h, separated by commas, for example 10s,30s,1m,5m,15m';
  const delays = value.split(',').map((part) => ({ text: part.trim(), ms: parseDuration(part.trim()) ?? 0 }));
  if (delays.length > 16 || delays.some((d) => d.ms <= 0 || d.ms > LONGEST_DELAY_MS)) throw new Error(hint);
  if (delays.some((d, i) => i > 0 && d.ms <= (delays[i - 1]?.ms ?? 0))) throw new Error(hint);
  return delays;
}

function parseSecretsKey(value: string): Buffer | null {
  if (value === '') return null;
  const key = Buffer.from(value, /^[0-9a-f]{64}$/i.test(value) ? 'hex' : 'base64');
  if (key.length === 32) return key;
  throw new Error('must be 32 bytes as base64 or hex, for example from: openssl rand -base64 32');
}

function url(
  doc: string,
  fallback: string | null,
  protocols: readonly string[],
  example: string,
): Setting<string> {
  return {
    doc,
    fallback,
    // It may hold a password.
    secret: true,
    parse: (value) => {
      if (value === '' && fallback === '') return value;
      if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
      throw new Error(`must be a URL such as ${example}`);
    },
  };
}

/** Base of the URLs that spans go to. What it takes to get in there is for headers: this may be shown. */
function parseCollector(value: string): string {
  if (value === '') return value;
  const wrong = new Error(
    'must be a URL without user, password and query, for example http://otel-collector:4318',
  );
  if (!URL.canParse(value)) throw wrong;
  const { protocol, username, password, search, hash } = new URL(value);
  if (!['http:', 'https:'].includes(protocol) || `${username}${password}${search}${hash}` !== '') throw wrong;
  return value;
}

function parseRatio(value: string): number {
  const ratio = Number(value);
  if (value.trim() !== '' && ratio >= 0 && ratio <= 1) return ratio;
  throw new Error('must be a number from 0 to 1, for example 0.1');
}

function parseSecret(value: string): string {
  if (value === '') return value;
  const result = secretSchema.safeParse(value);
  if (result.success) return value;
  throw new Error(result.error.issues.map(({ message }) => message).join('; '));
}

function parseBrokers(value: string): string[] {
  const brokers = value.split(',').map((part) => part.trim());
  const isBroker = (broker: string): boolean => /^[^\s:/]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(broker);
  if (brokers.every(isBroker)) return brokers;
  throw new Error('must be host:port, several separated by commas, for example kafka-0:9092,kafka-1:9092');
}

function oneOf<T extends string>(doc: string, fallback: T, values: readonly T[]): Setting<T> {
  return {
    doc,
    fallback,
    parse: (value) => {
      const known = values.find((one) => one === value);
      if (known !== undefined) return known;
      throw new Error(`must be one of ${values.filter((one) => one !== '').join(', ')}`);
    },
  };
}

function flag(doc: string, fallback: 'true' | 'false'): Setting<boolean> {
  const setting = oneOf(doc, fallback, ['true', 'false']);
  return { ...setting, parse: (value) => setting.parse(value) === 'true' };
}

/** Every environment variable of every service, once. A service picks those it reads. */
export const SETTINGS = {
  HOST: text('Address to listen on. Anything but loopback needs API_KEY.', '127.0.0.1'),
  PORT: port('Port of the HTTP API (0 = any free one).', 8080),
  ADMIN_PORT: port('Port of /health, /ready and /metrics (0 = any free one).', 9090),
  DATA_DIR: text('Where the embedded parts keep their data.', './.milena'),
  DEMO_RECEIVER_PORT: port('Port of the demo receiver of the all-in-one (0 = any free one).', 8090),
  API_KEY: text(
    'A first admin key, at least 16 characters. Unset: the API listens on loopback only, and is open until a key is stored.',
    '',
    true,
  ),
  SECRETS_KEY: {
    doc: 'Key that encrypts subscription secrets at rest: 32 bytes as base64 or hex. The all-in-one makes one and keeps it in DATA_DIR.',
    fallback: '',
    secret: true,
    parse: parseSecretsKey,
  } satisfies Setting<Buffer | null>,
  SECRETS_KEY_PREVIOUS: {
    doc: 'Keys that still open what was encrypted under them, separated by commas; for a change of SECRETS_KEY (docs/secrets.md).',
    fallback: '',
    secret: true,
    parse: (value: string) =>
      value.split(',').flatMap((part) => {
        const key = parseSecretsKey(part.trim());
        return key === null ? [] : [key];
      }),
  } satisfies Setting<Buffer[]>,
  RETRY_DELAYS: {
    doc: 'Wait before each retry; their number is the number of retries.',
    fallback: '10s,30s,1m,5m,15m',
    parse: parseRetryDelays,
  } satisfies Setting<RetryDelay[]>,
  DELIVERY_TIMEOUT_MS: wholeNumber(
    'Deadline of one attempt: connect, headers and body together.',
    10_000,
    100,
    60_000,
  ),
  // Cancellations are remembered for four days: no delivery may be in motion for longer.
  DELIVERY_MAX_AGE: durationMs(
    'A delivery that has to be put off expires once it is this old, since its acceptance or its release after a pause.',
    '72h',
    '90h',
  ),
  WORKER_CONCURRENCY: wholeNumber('Attempts under way at once in one delivery worker.', 512, 1, 10_000),
  DRAIN_TIMEOUT_MS: wholeNumber('How long a stop waits for what is under way.', 15_000, 0, 600_000),
  DISABLE_AFTER: durationMs('A subscription that fails without a break for this long is disabled.', '5d'),
  LOG_RETENTION_HOURS: wholeNumber('How long events, attempts and dispositions are kept.', 72, 1, 8760),
  DEAD_LETTER_RETENTION_DAYS: wholeNumber('How long dead letters are kept.', 30, 1, 3650),
  MAX_PAYLOAD_BYTES: wholeNumber('Largest payload of one event.', 262_144, 1, 16_777_216),
  ALLOWED_PRIVATE_TARGETS: {
    doc: 'Private, loopback or link-local ranges that targets may lie in, as CIDRs separated by commas.',
    fallback: '',
    parse: (value: string) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
  } satisfies Setting<string[]>,
  OPERATOR_WEBHOOK_URL: url(
    'Where operational events are delivered (docs/operational-events.md). Unset: none are made.',
    '',
    ['http:', 'https:'],
    'https://ops.example.com/hooks',
  ),
  OPERATOR_WEBHOOK_SECRET: {
    doc: 'Signs operational events; required with OPERATOR_WEBHOOK_URL. 8 to 256 characters, or whsec_ and base64 of 24 to 64 bytes.',
    fallback: '',
    secret: true,
    parse: parseSecret,
  } satisfies Setting<string>,
  KAFKA_PARTITIONS: wholeNumber(
    'Partitions of every delivery topic; fixed once the topics exist.',
    12,
    1,
    1000,
  ),
  KAFKA_BROKERS: {
    doc: 'Brokers to begin with, as host:port, separated by commas.',
    fallback: null,
    parse: parseBrokers,
  } satisfies Setting<string[]>,
  KAFKA_PREFIX: {
    doc: 'Put before the names of topics and consumer groups, for several installations on one cluster.',
    fallback: '',
    parse: (value: string) => {
      if (/^[\w.-]{0,100}$/.test(value)) return value;
      throw new Error('must be letters, digits, dots, dashes and underscores, for example staging.');
    },
  } satisfies Setting<string>,
  KAFKA_REPLICATION_FACTOR: wholeNumber(
    'Copies of each topic that is created; with 3 or more, two must have a record before it counts. 1 on a single broker.',
    3,
    1,
    9,
  ),
  KAFKA_SSL: flag('Whether to speak TLS with the brokers.', 'false'),
  KAFKA_SASL_MECHANISM: oneOf('One of plain, scram-sha-256, scram-sha-512. Unset: no SASL.', '', [
    '',
    'plain',
    'scram-sha-256',
    'scram-sha-512',
  ]),
  KAFKA_SASL_USERNAME: text('User for SASL.', ''),
  KAFKA_SASL_PASSWORD: text('Password for SASL.', '', true),
  DATABASE_URL: url(
    'Postgres.',
    null,
    ['postgres:', 'postgresql:'],
    'postgres://user:password@host:5432/milena',
  ),
  DATABASE_POOL_MAX: wholeNumber('Connections to Postgres at most, per process.', 10, 2, 500),
  REDIS_URL: url(
    'Redis, shared by all processes as a cache. Unset: each process asks Postgres, and sees changes some seconds late.',
    '',
    ['redis:', 'rediss:'],
    'redis://host:6379/0',
  ),
  REDIS_PREFIX: {
    doc: 'Begins every key in Redis, for several installations on one server.',
    fallback: 'milena',
    parse: (value: string) => {
      if (/^[\w.:-]{1,100}$/.test(value)) return value;
      throw new Error('must be letters, digits, dots, colons, dashes and underscores, for example milena');
    },
  } satisfies Setting<string>,
  CLICKHOUSE_URL: url('ClickHouse over HTTP.', null, ['http:', 'https:'], 'http://host:8123'),
  CLICKHOUSE_USER: text('User of ClickHouse.', 'default'),
  CLICKHOUSE_PASSWORD: text('Password of ClickHouse.', '', true),
  CLICKHOUSE_DATABASE: {
    doc: 'Database of ClickHouse; created when missing.',
    fallback: 'milena',
    parse: (value: string) => {
      if (/^[A-Za-z_]\w{0,63}$/.test(value)) return value;
      throw new Error('must be letters, digits and underscores, for example milena');
    },
  } satisfies Setting<string>,
  CLICKHOUSE_MAX_CONNECTIONS: wholeNumber('Connections to ClickHouse at most, per process.', 10, 1, 500),
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    doc: 'Where spans are sent, OTLP over HTTP (docs/tracing.md). Unset: nothing is traced.',
    fallback: '',
    parse: parseCollector,
  } satisfies Setting<string>,
  OTEL_TRACES_SAMPLER_ARG: {
    doc: 'Share of the traces begun here that are recorded, 0 to 1; where the producer began one, its decision holds.',
    fallback: '1',
    parse: parseRatio,
  } satisfies Setting<number>,
  LOG_LEVEL: oneOf<LogLevel>(`One of ${LOG_LEVELS.join(', ')}.`, 'info', LOG_LEVELS),
} as const;

/** Those of the settings that somebody reads. */
export function pickSettings<Name extends keyof typeof SETTINGS>(
  ...names: readonly Name[]
): Pick<typeof SETTINGS, Name> {
  const picked = Object.fromEntries(names.map((name) => [name, SETTINGS[name]]));
  return picked as Pick<typeof SETTINGS, Name>;
}
