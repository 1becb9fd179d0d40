import path from 'node:path';
import { startEmbeddedClickHouse, startEmbeddedPostgres } from '@milena/embedded';
import type { Logger } from '@milena/runtime';
import {
  migrateClickHouse,
  openClickHouse,
  type ClickHouse,
  type ClickHouseOptions,
} from '@milena/stores/clickhouse';
import {
  createSecretBox,
  migrate,
  openPostgres,
  type Postgres,
  type SecretBox,
} from '@milena/stores/postgres';
import type { AllInOneConfig } from './config.ts';
import type { DataDir } from './data-dir.ts';
import type { DeliveriesSetup } from './deliveries.ts';

const DATABASE = 'milena';

/** The embedded parts, open and migrated, with one client each for the whole process. */
export interface Engines {
  pg: Postgres;
  clickhouse: ClickHouse;
  secretBox: SecretBox;
  /** For whoever opens clients of its own. */
  setup: DeliveriesSetup;
  /** Closes clients and engines, the last opened first. */
  close(): Promise<void>;
}

interface EnginesDeps {
  config: AllInOneConfig;
  dataDir: DataDir;
  logger: Logger;
  /** Ends ClickHouse's start, which may wait for another process; not looked at once it is up. */
  told: AbortSignal;
}

/** Opens Postgres and ClickHouse side by side; when one fails the others are closed before it rejects. */
export async function openEngines(deps: EnginesDeps): Promise<Engines> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const opened = await Promise.allSettled([openRelational(deps, closers), openHistory(deps, closers)]);
  const [relational, history] = opened;
  if (relational.status === 'fulfilled' && history.status === 'fulfilled') {
    const { SECRETS_KEY, SECRETS_KEY_PREVIOUS } = deps.config;
    const secretsKey = SECRETS_KEY ?? deps.dataDir.secretsKey();
    const secretBox = createSecretBox(secretsKey, SECRETS_KEY_PREVIOUS);
    const { pg, url } = relational.value;
    const { clickhouse, options } = history.value;
    const logFolder = deps.dataDir.folder('log');
    const setup = {
      ...{ postgresUrl: url, clickhouse: options, logFolder, secretsKey },
      previousKeys: SECRETS_KEY_PREVIOUS,
    };
    return { pg, clickhouse, secretBox, setup, close };
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
): Promise<{ pg: Postgres; url: string }> {
  const server = await startEmbeddedPostgres({ dataDir: dataDir.folder('postgres'), logger });
  closers.push(() => server.stop());
  await migrate({ url: server.url });
  const pg = openPostgres({ url: server.url, applicationName: 'milena all-in-one', logger });
  closers.push(() => pg.close());
  return { pg, url: server.url };
}

async function openHistory(
  { config, dataDir, logger, told }: EnginesDeps,
  closers: (() => Promise<void>)[],
): Promise<{ clickhouse: ClickHouse; options: ClickHouseOptions }> {
  const program = path.join(__dirname, 'clickhouse-process.cjs');
  const server = await startEmbeddedClickHouse({
    ...{ dataDir: dataDir.folder('clickhouse'), program, logger, told },
  });
  closers.push(() => server.stop());
  const options = { url: server.url, database: DATABASE };
  await migrateClickHouse(options, { retentionHours: config.LOG_RETENTION_HOURS });
  const clickhouse = openClickHouse(options);
  closers.push(() => clickhouse.close());
  return { clickhouse, options };
}
