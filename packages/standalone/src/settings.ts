import type { ConfigOf, Setting } from '@milena/runtime';
import { pickSettings, SETTINGS } from '@milena/settings';

/** Every process must have the same one, so none may make its own. */
const SHARED_SECRETS_KEY: Setting<Buffer> = {
  ...SETTINGS.SECRETS_KEY,
  fallback: null,
  parse: (text) => {
    const key = SETTINGS.SECRETS_KEY.parse(text);
    if (key === null) throw new Error('must be set');
    return key;
  },
};

/** What every process of its own reads. */
export const PROCESS_SETTINGS = pickSettings('HOST', 'ADMIN_PORT', 'DRAIN_TIMEOUT_MS', 'LOG_LEVEL');
export type ProcessConfig = ConfigOf<typeof PROCESS_SETTINGS>;

export const API_SETTINGS = pickSettings('PORT', 'API_KEY');
export type ApiConfig = ConfigOf<typeof API_SETTINGS>;

/** With RETRY_DELAYS, because each delay has a topic. */
export const KAFKA_SETTINGS = pickSettings(
  'KAFKA_BROKERS',
  'KAFKA_PREFIX',
  'KAFKA_PARTITIONS',
  'KAFKA_REPLICATION_FACTOR',
  'KAFKA_SSL',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
  'RETRY_DELAYS',
);
export type KafkaConfig = ConfigOf<typeof KAFKA_SETTINGS>;

export const POSTGRES_SETTINGS = pickSettings('DATABASE_URL', 'DATABASE_POOL_MAX');
export type PostgresConfig = ConfigOf<typeof POSTGRES_SETTINGS>;

/** For those who read subscriptions: Redis, and the key of the secrets, which all of them must share. */
export const DIRECTORY_SETTINGS = {
  ...POSTGRES_SETTINGS,
  ...pickSettings('REDIS_URL', 'REDIS_PREFIX', 'SECRETS_KEY_PREVIOUS'),
  SECRETS_KEY: SHARED_SECRETS_KEY,
} as const;
export type DirectoryConfig = ConfigOf<typeof DIRECTORY_SETTINGS>;

export const CLICKHOUSE_SETTINGS = pickSettings(
  'CLICKHOUSE_URL',
  'CLICKHOUSE_USER',
  'CLICKHOUSE_PASSWORD',
  'CLICKHOUSE_DATABASE',
  'CLICKHOUSE_MAX_CONNECTIONS',
);
export type ClickHouseConfig = ConfigOf<typeof CLICKHOUSE_SETTINGS>;

/** For those who see an event on its way. */
export const TRACING_SETTINGS = pickSettings('OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER_ARG');
export type TracingConfig = ConfigOf<typeof TRACING_SETTINGS>;
