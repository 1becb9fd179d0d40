import { topicTable, type MessageLog } from '@milena/log';
import { createKafkaLog, type KafkaLogLimits } from '@milena/log/kafka';
import type { ReadyCheck } from '@milena/runtime';
import type { ApiKeyDirectory, SubscriptionDirectory } from '@milena/stores';
import { createApiKeyDirectory, createSubscriptionDirectory } from '@milena/stores/cache';
import { openClickHouse, type ClickHouse, type ClickHouseOptions } from '@milena/stores/clickhouse';
import {
  createApiKeyStore,
  createLiveSubscriptionStore,
  createSecretBox,
  openPostgres,
  type Postgres,
  type SecretBox,
} from '@milena/stores/postgres';
import { openCache } from './cache.ts';
import type { ProcessBase } from './process-plan.ts';
import type { ClickHouseConfig, DirectoryConfig, KafkaConfig, PostgresConfig } from './settings.ts';
import { whenAvailable } from './when-available.ts';

/** Opens clients as a service asks for them; closes them all, the last opened first. */
export interface Engines {
  /** Waits for the brokers until `told`; makes missing topics. */
  log(config: KafkaConfig, told: AbortSignal, limits?: Partial<KafkaLogLimits>): Promise<MessageLog>;
  postgres(config: PostgresConfig): Postgres;
  clickhouse(config: ClickHouseConfig): ClickHouse;
  /** API keys behind the cache in process. */
  apiKeys(pg: Postgres): ApiKeyDirectory;
  /** Subscriptions behind the caches: in process, then Redis when there is one, then Postgres. */
  directory(
    config: DirectoryConfig,
    pg: Postgres,
  ): { directory: SubscriptionDirectory; secretBox: SecretBox };
  /** Of everything opened so far; without what isn't `required` work goes on, at least for a while. */
  checks(required: readonly string[]): ReadyCheck[];
  close(): Promise<void>;
}

export function createEngines(base: ProcessBase): Engines {
  const { logger, clock } = base;
  const closers: (() => Promise<void>)[] = [];
  const checks: Omit<ReadyCheck, 'required'>[] = [];

  return {
    log: async (config, told, limits = {}) => {
      const log = await whenAvailable('Kafka', base, told, () =>
        createKafkaLog({ ...kafkaOptions(config, base), clock, logger, limits }),
      );
      closers.push(() => log.close());
      checks.push({ name: 'log', check: () => log.ping() });
      return log;
    },
    postgres: (config) => {
      const pg = openPostgres({
        url: config.DATABASE_URL,
        poolMax: config.DATABASE_POOL_MAX,
        applicationName: `milena ${base.service}`,
        logger,
      });
      closers.push(() => pg.close());
      checks.push({
        name: 'postgres',
        check: async () => {
          await pg.query('SELECT 1');
        },
      });
      return pg;
    },
    clickhouse: (config) => {
      const clickhouse = openClickHouse(clickHouseOptions(config));
      closers.push(() => clickhouse.close());
      checks.push({ name: 'clickhouse', check: () => clickhouse.ping() });
      return clickhouse;
    },
    apiKeys: (pg) => {
      const keys = createApiKeyDirectory({ store: createApiKeyStore({ pg, clock }), clock });
      closers.push(() => keys.close());
      return keys;
    },
    directory: (config, pg) => {
      const secretBox = createSecretBox(config.SECRETS_KEY, config.SECRETS_KEY_PREVIOUS);
      const live = createLiveSubscriptionStore({ pg, secretBox, clock });
      const cache = openCache(config, { ...base, live });
      closers.push(() => cache.close());
      if (cache.check) checks.push({ name: 'redis', check: cache.check });
      const directory = createSubscriptionDirectory({ ...base, live: cache.live, bus: cache.bus });
      closers.push(() => directory.close());
      return { directory, secretBox };
    },
    checks: (required) => checks.map((check) => ({ ...check, required: required.includes(check.name) })),
    close: async () => {
      for (const closer of closers.splice(0).reverse()) await closer();
    },
  };
}

function kafkaOptions(config: KafkaConfig, base: ProcessBase) {
  const {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username,
    KAFKA_SASL_PASSWORD: password,
  } = config;
  return {
    brokers: config.KAFKA_BROKERS,
    clientId: `milena-${base.service}`,
    ssl: config.KAFKA_SSL,
    ...(mechanism !== '' && { sasl: { mechanism, username, password } }),
    namePrefix: config.KAFKA_PREFIX,
    topics: topicTable(config.RETRY_DELAYS.map((delay) => delay.text)),
    partitions: config.KAFKA_PARTITIONS,
    replicationFactor: config.KAFKA_REPLICATION_FACTOR,
  };
}

export function clickHouseOptions(config: ClickHouseConfig): ClickHouseOptions {
  return {
    url: config.CLICKHOUSE_URL,
    user: config.CLICKHOUSE_USER,
    password: config.CLICKHOUSE_PASSWORD,
    database: config.CLICKHOUSE_DATABASE,
    maxOpenConnections: config.CLICKHOUSE_MAX_CONNECTIONS,
  };
}
