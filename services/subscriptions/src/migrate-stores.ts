import type { Clock, Logger } from '@milena/runtime';
import {
  clickHouseOptions,
  whenAvailable,
  type ClickHouseConfig,
  type PostgresConfig,
} from '@milena/standalone';
import { migrateClickHouse } from '@milena/stores/clickhouse';
import { migrate } from '@milena/stores/postgres';

type MigrationConfig = PostgresConfig & ClickHouseConfig & { LOG_RETENTION_HOURS: number };

/** Brings both schemas up to date, waiting for the stores until `told`. Several processes may do this at once. */
export function migrateStores(
  config: MigrationConfig,
  base: { clock: Clock; logger: Logger },
  told: AbortSignal,
): { postgres: Promise<void>; clickhouse: Promise<void> } {
  const { logger } = base;
  const postgres = whenAvailable('Postgres', base, told, () => migrate({ url: config.DATABASE_URL })).then(
    (names) => {
      logger.info({ event: 'postgres.migrated', migrations: names });
    },
  );
  const clickhouse = whenAvailable('ClickHouse', base, told, () =>
    migrateClickHouse(clickHouseOptions(config), { retentionHours: config.LOG_RETENTION_HOURS }),
  ).then(() => {
    logger.info({ event: 'clickhouse.migrated', retention_hours: config.LOG_RETENTION_HOURS });
  });
  return { postgres, clickhouse };
}
