import { ConfigError, readConfig, settingsTable, type Setting } from '@milena/runtime';
import { SETTINGS } from '../src/index.ts';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig({ ...ENGINES, ...env }, SETTINGS);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** What only a distributed installation has to say. */
const ENGINES = {
  KAFKA_BROKERS: 'kafka:9092',
  DATABASE_URL: 'postgres://milena:pw@postgres/milena',
  CLICKHOUSE_URL: 'http://clickhouse:8123',
};

test('an environment that only says where the engines are is a working configuration', () => {
  const config = readConfig(ENGINES, SETTINGS);
  expect(config).toMatchObject({
    HOST: '127.0.0.1',
    PORT: 8080,
    ADMIN_PORT: 9090,
    API_KEY: '',
    DELIVERY_TIMEOUT_MS: 10_000,
    DELIVERY_MAX_AGE: 72 * 3_600_000,
    DISABLE_AFTER: 5 * 24 * 3_600_000,
    MAX_PAYLOAD_BYTES: 262_144,
    ALLOWED_PRIVATE_TARGETS: [],
    KAFKA_BROKERS: ['kafka:9092'],
    KAFKA_PARTITIONS: 12,
    KAFKA_PREFIX: '',
    KAFKA_REPLICATION_FACTOR: 3,
    KAFKA_SASL_MECHANISM: '',
    KAFKA_SSL: false,
    REDIS_URL: '',
    CLICKHOUSE_DATABASE: 'milena',
    LOG_LEVEL: 'info',
    OTEL_EXPORTER_OTLP_ENDPOINT: '',
    OTEL_TRACES_SAMPLER_ARG: 1,
  });
  expect(config.RETRY_DELAYS).toEqual([
    { text: '10s', ms: 10_000 },
    { text: '30s', ms: 30_000 },
    { text: '1m', ms: 60_000 },
    { text: '5m', ms: 300_000 },
    { text: '15m', ms: 900_000 },
  ]);
});

test.each([
  ['PORT', 'http'],
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '80.5'],
  ['DELIVERY_TIMEOUT_MS', '10s'],
  ['DELIVERY_TIMEOUT_MS', '60001'],
  ['DELIVERY_MAX_AGE', '72'],
  ['DELIVERY_MAX_AGE', '0s'],
  ['DELIVERY_MAX_AGE', 'soon'],
  ['RETRY_DELAYS', '10s,10s'],
  ['RETRY_DELAYS', '30s,10s'],
  ['RETRY_DELAYS', '10s,,30s'],
  ['RETRY_DELAYS', '10s,25h'],
  ['RETRY_DELAYS', Array.from({ length: 17 }, (_, i) => `${i + 1}s`).join()],
  ['LOG_LEVEL', 'loud'],
  ['MAX_PAYLOAD_BYTES', '0'],
  ['KAFKA_PARTITIONS', '0'],
  ['KAFKA_BROKERS', 'kafka'],
  ['KAFKA_BROKERS', 'kafka:9092,'],
  ['KAFKA_PREFIX', 'a b'],
  ['KAFKA_REPLICATION_FACTOR', '0'],
  ['KAFKA_SSL', 'yes'],
  ['KAFKA_SASL_MECHANISM', 'gssapi'],
  ['CLICKHOUSE_DATABASE', 'my-db'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'otel-collector:4318'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://otel-collector:4318?api-key=1'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.01'],
  ['OTEL_TRACES_SAMPLER_ARG', '-0.1'],
  ['OTEL_TRACES_SAMPLER_ARG', 'often'],
])('%s=%s is refused, the variable named and a right value shown', (name, value) => {
  const problems = problemsOf({ [name]: value });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${name}="[^"]*": must be .*(for example|one of) `));
});

test('lists take spaces and drop empty parts', () => {
  const config = readConfig(
    { ...ENGINES, RETRY_DELAYS: ' 1s , 2m ', ALLOWED_PRIVATE_TARGETS: '127.0.0.0/8, ::1/128,' },
    SETTINGS,
  );
  expect(config.RETRY_DELAYS.map((delay) => delay.text)).toEqual(['1s', '2m']);
  expect(config.ALLOWED_PRIVATE_TARGETS).toEqual(['127.0.0.0/8', '::1/128']);
});

test('a refused secret is not shown', () => {
  const problems = problemsOf({ SECRETS_KEY: 'geheim' });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^SECRETS_KEY=\(hidden\): /);
  expect(problems[0]).not.toContain('geheim');
});

test('nor is a password in a URL where none belongs', () => {
  const [problem] = problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:geheim@collector:4318' });
  expect(problem).toMatch(/^OTEL_EXPORTER_OTLP_ENDPOINT=\(hidden\): must be a URL without user/);
});

test('a secrets key is 32 bytes, as hex or base64', () => {
  const bytes = Buffer.alloc(32, 7);
  for (const encoding of ['hex', 'base64'] as const) {
    expect(readConfig({ ...ENGINES, SECRETS_KEY: bytes.toString(encoding) }, SETTINGS).SECRETS_KEY).toEqual(
      bytes,
    );
  }
});

test('every fallback is a value that its own setting takes', () => {
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const { fallback } = setting;
    if (fallback !== null) expect(() => [name, setting.parse(fallback)]).not.toThrow();
  }
});

test('every setting has its row in the documentation', () => {
  const table = settingsTable(SETTINGS, { everyone: SETTINGS });
  for (const [name, { doc }] of Object.entries(SETTINGS)) {
    expect(table).toContain(`| \`${name}\` |`);
    expect(doc).toMatch(/^[A-Z0-9].*\.$/);
  }
});

test.each([
  ['DATABASE_URL', 'mysql://user:pw@host/db'],
  ['REDIS_URL', 'localhost:6379'],
  ['CLICKHOUSE_URL', 'clickhouse:8123'],
  ['OPERATOR_WEBHOOK_URL', 'ftp://user:pw@host'],
])('%s of another kind is refused, without showing what may be a password', (name, value) => {
  const problems = problemsOf({ [name]: value });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${name}=\\(hidden\\): must be a URL such as `));
});

test.each(['short', 'whsec_c2hvcnQ=', 'umläute-umläute'])(
  'a secret of the operator like %s is refused, and not shown',
  (secret) => {
    const [problem, ...more] = problemsOf({ OPERATOR_WEBHOOK_SECRET: secret });
    expect(more).toEqual([]);
    expect(problem).toMatch(/^OPERATOR_WEBHOOK_SECRET=\(hidden\): must be /);
    expect(problem).not.toContain(secret);
  },
);

test('where the engines are must be said', () => {
  expect(problemsOf({ KAFKA_BROKERS: '', DATABASE_URL: '', CLICKHOUSE_URL: '' })).toHaveLength(3);
});

test('keys before the current one are a list, and a wrong one among them is not shown', () => {
  const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const text = keys.map((key) => key.toString('base64')).join(' , ');
  expect(SETTINGS.SECRETS_KEY_PREVIOUS.parse(text)).toEqual(keys);
  expect(SETTINGS.SECRETS_KEY_PREVIOUS.parse('')).toEqual([]);
  const [problem] = problemsOf({ SECRETS_KEY_PREVIOUS: `${text},c2hvcnQ=` });
  expect(problem).toMatch(/^SECRETS_KEY_PREVIOUS=\(hidden\): must be 32 bytes/);
});
