import type { ConfigOf, Setting } from '@milena/runtime';
import { SETTINGS } from '@milena/settings';

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
export const PROCESS_SETTINGS = {
  HOST: SETTINGS.HOST,
  ADMIN_PORT: SETTINGS.ADMIN_PORT,
  DRAIN_TIMEOUT_MS: SETTINGS.DRAIN_TIMEOUT_MS,
  LOG_LEVEL: SETTINGS.LOG_LEVEL,
} as const;
export type ProcessConfig = ConfigOf<typeof PROCESS_SETTINGS>;

export const API_SETTINGS = { PORT: SETTINGS.PORT, API_KEY: SETTINGS.API_KEY } as const;
export type ApiConfig = ConfigOf<typeof API_SETTINGS>;

export const KAFKA_SETTINGS = {
  KAFKA_BROKERS: SETTINGS.KAFKA_BROKERS,
  KAFKA_PREFIX: SETTINGS.KAFKA_PREFIX,
  KAFKA_PARTITIONS: SETTINGS.KAFKA_PARTITIONS,
  KAFKA_REPLICATION_FACTOR: SETTINGS.KAFKA_REPLICATION_FACTOR,
  KAFKA_SSL: SETTINGS.KAFKA_SSL,
  KAFKA_SASL_MECHANISM: SETTINGS.KAFKA_SASL_MECHANISM,
  KAFKA_SASL_USERNAME: SETTINGS.KAFKA_SASL_USERNAME,
  KAFKA_SASL_PASSWORD: SETTINGS.KAFKA_SASL_PASSWORD,
  /** Each delay has a topic. */
  RETRY_DELAYS: SETTINGS.RETRY_DELAYS,
} as const;
export type KafkaConfig = ConfigOf<typeof KAFKA_SETTINGS>;

export const POSTGRES_SETTINGS = {
  DATABASE_URL: SETTINGS.DATABASE_URL,
  DATABASE_POOL_MAX: SETTINGS.DATABASE_POOL_MAX,
} as const;
export type PostgresConfig = ConfigOf<typeof POSTGRES_SETTINGS>;

/** For those who read subscriptions: Redis, and the key of the secrets, which all of them must share. */
export const DIRECTORY_SETTINGS = {
  ...POSTGRES_SETTINGS,
  REDIS_URL: SETTINGS.REDIS_URL,
  REDIS_PREFIX: SETTINGS.REDIS_PREFIX,
  SECRETS_KEY: SHARED_SECRETS_KEY,
  SECRETS_KEY_PREVIOUS: SETTINGS.SECRETS_KEY_PREVIOUS,
} as const;
export type DirectoryConfig = ConfigOf<typeof DIRECTORY_SETTINGS>;

export const CLICKHOUSE_SETTINGS = {
  CLICKHOUSE_URL: SETTINGS.CLICKHOUSE_URL,
  CLICKHOUSE_USER: SETTINGS.CLICKHOUSE_USER,
  CLICKHOUSE_PASSWORD: SETTINGS.CLICKHOUSE_PASSWORD,
  CLICKHOUSE_DATABASE: SETTINGS.CLICKHOUSE_DATABASE,
  CLICKHOUSE_MAX_CONNECTIONS: SETTINGS.CLICKHOUSE_MAX_CONNECTIONS,
} as const;
export type ClickHouseConfig = ConfigOf<typeof CLICKHOUSE_SETTINGS>;
