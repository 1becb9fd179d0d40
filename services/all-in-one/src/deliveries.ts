import { wireDelivery } from '@milena/delivery/wire';
import { createHttpPost, createSsrfGuard } from '@milena/egress';
import { topicTable, type ProducerLog } from '@milena/log';
import { createLmdbLog } from '@milena/log/lmdb';
import { wireRecorder } from '@milena/recorder/wire';
import { sampleEventLoopLag, type Clock, type Logger, type Metrics } from '@milena/runtime';
import { createSubscriptionDirectory, type InvalidationBus } from '@milena/stores/cache';
import { openClickHouse, type ClickHouseOptions } from '@milena/stores/clickhouse';
import { createLiveSubscriptionStore, createSecretBox, openPostgres } from '@milena/stores/postgres';
import { openTracing } from '@milena/tracing';
import { version } from '../package.json';
import type { AllInOneConfig } from './config.ts';

/** The engine inserts beside the deliveries, on the same processors; see docs/adr/0023. */
const RECORDER_SPACING_MS = 2000;

/** What the thread is begun with. */
export interface DeliveriesData {
  /** Without keys, which come with the setup. */
  config: AllInOneConfig;
}

/** Where the engines are, and with which keys secrets are read. */
export interface DeliveriesSetup {
  postgresUrl: string;
  clickhouse: ClickHouseOptions;
  logFolder: string;
  secretsKey: Uint8Array;
  previousKeys: readonly Uint8Array[];
}

/** The log with the two services that consume it, running. */
export interface Deliveries {
  log: ProducerLog;
  /** What keeps deliveries from flowing. */
  problems(): string[];
  /** Stops in the order in which work flows. */
  stop(): Promise<void>;
}

/** What is open already is closed again when it rejects. @throws LogUnavailableError, or what an engine says */
export async function startDeliveries(
  setup: DeliveriesSetup,
  deps: {
    config: AllInOneConfig;
    bus: InvalidationBus;
    clock: Clock;
    logger: Logger;
    metrics: Metrics;
  },
): Promise<Deliveries> {
  const { config, clock, bus } = deps;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const pg = openPostgres({ ...deps, url: setup.postgresUrl, applicationName: 'milena deliveries' });
    closers.push(() => pg.close());
    const clickhouse = openClickHouse(setup.clickhouse);
    closers.push(() => clickhouse.close());
    const log = await createLmdbLog({
      ...deps,
      path: setup.logFolder,
      topics: topicTable(config.RETRY_DELAYS.map((delay) => delay.text)),
      partitions: config.KAFKA_PARTITIONS,
    });
    closers.push(() => log.close());
    const secretBox = createSecretBox(
      Buffer.from(setup.secretsKey),
      setup.previousKeys.map((key) => Buffer.from(key)),
    );
    const live = createLiveSubscriptionStore({ pg, secretBox, clock });
    const directory = createSubscriptionDirectory({ ...deps, live, bus });
    closers.push(() => directory.close());
    const tracing = await openTracing({ ...deps, service: 'all-in-one', version }, config);
    if (tracing) closers.push(() => tracing.close());

    const shared = { ...deps, pg, clickhouse, log, directory, tracing };
    const recorder = wireRecorder({ ...shared, spacingMs: RECORDER_SPACING_MS }, config);
    await recorder.start();
    // Stops after the deliveries, so that what the last attempts came to is still recorded.
    closers.push(() => recorder.stop());
    const guard = createSsrfGuard({ allowedPrivate: config.ALLOWED_PRIVATE_TARGETS });
    const post = createHttpPost({ ...deps, guard, userAgent: `Milena/${version}` });
    closers.push(() => post.close());
    const delivery = wireDelivery({ ...shared, post }, config);
    await delivery.start();
    closers.push(() => delivery.stop());
    const stopSampling = sampleEventLoopLag(deps.metrics, clock);
    closers.push(() => {
      stopSampling();
      return Promise.resolve();
    });
    return { log, problems: () => delivery.health().problems, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}
