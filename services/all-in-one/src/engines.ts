import { startEmbeddedClickHouse, startEmbeddedPostgres } from '@milena/embedded';
import { topicTable, type MessageLog } from '@milena/log';
import { createLmdbLog } from '@milena/log/lmdb';
import type { Clock, Logger } from '@milena/runtime';
import { migrateClickHouse, openClickHouse, type ClickHouse } from '@milena/stores/clickhouse';
import {
  createSecretBox,
  migrate,
  openPostgres,
  type Postgres,
  type SecretBox,
} from '@milena/stores/postgres';
import type { AllInOneConfig } from './config.ts';
import type { DataDir } from './data-dir.ts';

const DATABASE = 'milena';

/** The embedded parts, open and migrated, with one client each for the whole process. */
export interface Engines {
  pg: Postgres;
  clickhouse: ClickHouse;
  log: MessageLog;
  secretBox: SecretBox;
  /** Closes clients and engines, the last opened first. */
  close(): Promise<void>;
}

interface EnginesDeps {
  config: AllInOneConfig;
  dataDir: DataDir;
  clock: Clock;
  logger: Logger;
}

/** Opens Postgres, ClickHouse and the log side by side; when one fails the others are closed before it rejects. */
export async function openEngines(deps: EnginesDeps): Promise<Engines> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const opened = await Promise.allSettled([
    openRelational(deps, closers),
    openHistory(deps, closers),
    openLog(deps, closers),
  ]);
  const [pg, clickhouse, log] = opened;
  if (pg.status === 'fulfilled' && clickhouse.status === 'fulfilled' && log.status === 'fulfilled') {
    const { SECRETS_KEY, SECRETS_KEY_PREVIOUS } = deps.config;
    const secretBox = createSecretBox(SECRETS_KEY ?? deps.dataDir.secretsKey(), SECRETS_KEY_PREVIOUS);
    return { pg: pg.value, clickhouse: clickhouse.value, log: log.value, secretBox, close };
  }
  await close();
  const reasons = opened
    .filter((result) => result.status === 'rejected')
    .map((result): unknown => result.reason);
  throw reasons.length === 1 ? reasons[0] : new AggregateError(reasons, reasons.map(String).join('; '));
}

async function openRelational(
  { dataDir, logger }: EnginesDeps,
  closers: (() => Promise<void>)[],
): Promise<Postgres> {
  const server = await startEmbeddedPostgres({ dataDir: dataDir.folder('postgres'), logger });
  closers.push(() => server.stop());
  await migrate({ url: server.url });
  const pg = openPostgres({ url: server.url, applicationName: 'milena all-in-one', logger });
  closers.push(() => pg.close());
  return pg;
}

async function openHistory(
  { config, dataDir, logger }: EnginesDeps,
  closers: (() => Promise<void>)[],
): Promise<ClickHouse> {
  const server = await startEmbeddedClickHouse({ dataDir: dataDir.folder('clickhouse'), logger });
  closers.push(() => server.stop());
  const options = { url: server.url, database: DATABASE };
  await migrateClickHouse(options, { retentionHours: config.LOG_RETENTION_HOURS });
  const clickhouse = openClickHouse(options);
  closers.push(() => clickhouse.close());
  return clickhouse;
}

async function openLog(
  { config, dataDir, clock, logger }: EnginesDeps,
  closers: (() => Promise<void>)[],
): Promise<MessageLog> {
  const log = await createLmdbLog({
    path: dataDir.folder('log'),
    topics: topicTable(config.RETRY_DELAYS.map((delay) => delay.text)),
    partitions: config.KAFKA_PARTITIONS,
    clock,
    logger,
  });
  closers.push(() => log.close());
  return log;
}
