import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { openClickHouse } from '@milena/stores/clickhouse';
import { openPostgres } from '@milena/stores/postgres';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';

export const SERVICES = ['subscriptions', 'ingest', 'recorder', 'delivery'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** Every service in processes of its own, over the real engines. Has names of its own in each engine. */
export interface Distributed {
  /** Of the subscriptions API. */
  api: string;
  /** Of the ingest API; of the first replica. */
  ingest: string;
  demo_receiver: string;
  /** What every process gets; for clients of one's own. */
  env: Readonly<Record<string, string>>;
  /** Those that run now. */
  replicas(name: ServiceName): ServiceProcess[];
  add(name: ServiceName): Promise<ServiceProcess>;
  /** Stops what runs and drops its databases and topics: a broker that keeps them all grows slow. */
  close(): Promise<void>;
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these suites need the engines (scripts/stack start)`);
  return value;
}

/** Waits until the processes are up. */
export async function startDistributed(
  options: { env?: Record<string, string>; replicas?: number; root?: string } = {},
): Promise<Distributed> {
  const { replicas = 1 } = options;
  const run = `test_${randomBytes(4).toString('hex')}`;
  const serverUrl = required('DATABASE_URL');
  const database = new URL(serverUrl);
  database.pathname = `/milena_${run}`;
  await onServer(serverUrl, `CREATE DATABASE milena_${run}`);
  const env = {
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    SECRETS_KEY: randomBytes(32).toString('base64'),
    ALLOWED_PRIVATE_TARGETS: '127.0.0.0/8',
    KAFKA_BROKERS: required('KAFKA_BROKERS'),
    KAFKA_PREFIX: `${run}.`,
    KAFKA_PARTITIONS: '6',
    KAFKA_REPLICATION_FACTOR: '1',
    DATABASE_URL: database.href,
    REDIS_URL: required('REDIS_URL'),
    REDIS_PREFIX: run,
    CLICKHOUSE_URL: required('CLICKHOUSE_URL'),
    CLICKHOUSE_USER: required('CLICKHOUSE_USER'),
    CLICKHOUSE_PASSWORD: required('CLICKHOUSE_PASSWORD'),
    CLICKHOUSE_DATABASE: `milena_${run}`,
    ...options.env,
  };

  const processes: { service: ServiceName; process: ServiceProcess }[] = [];
  const runningOf = (name: ServiceName): ServiceProcess[] =>
    processes.filter(({ service, process }) => service === name && process.running()).map((p) => p.process);
  const add = async (service: ServiceName): Promise<ServiceProcess> => {
    const process = await startServiceProcess(`services/${service}`, env, options.root);
    processes.push({ service, process });
    return process;
  };
  const receiver = await startServiceProcess('packages/demo-receiver', env, options.root);
  // The first of each in order: subscriptions brings the schemas up to date. The others side by side.
  for (const service of SERVICES) await add(service);
  await Promise.all(SERVICES.flatMap((name) => Array.from({ length: replicas - 1 }, () => add(name))));

  return {
    get api() {
      return addressOf(runningOf('subscriptions'));
    },
    get ingest() {
      return addressOf(runningOf('ingest'));
    },
    demo_receiver: receiver.addresses['receiver'] ?? '',
    env,
    replicas: runningOf,
    add,
    close: async () => {
      const stops = [...processes.map(({ process }) => process), receiver]
        .filter((process) => process.running())
        .map((process) => process.stop());
      await Promise.allSettled(stops);
      await onServer(serverUrl, `DROP DATABASE IF EXISTS milena_${run} WITH (FORCE)`);
      await dropHistory(env);
      await Promise.all(stops);
      await dropTopics(env.KAFKA_BROKERS, `${run}.`);
    },
  };
}

function addressOf([first]: readonly ServiceProcess[]): string {
  const url = first?.addresses['api'];
  if (url === undefined) throw new Error('none of these services runs');
  return url;
}

async function onServer(url: string, statement: string): Promise<void> {
  const server = openPostgres({ url, poolMax: 1 });
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
}

async function dropHistory(env: Record<string, string>): Promise<void> {
  const { CLICKHOUSE_URL: url = '', CLICKHOUSE_USER: user = '', CLICKHOUSE_PASSWORD: password = '' } = env;
  const clickhouse = openClickHouse({ url, user, password, database: 'default' });
  try {
    await clickhouse.command(`DROP DATABASE IF EXISTS ${env['CLICKHOUSE_DATABASE'] ?? ''}`);
  } finally {
    await clickhouse.close();
  }
}

/** Of this run only, whatever prefix its processes were told. */
async function dropTopics(brokers: string, prefix: string): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics });
  } finally {
    await admin.disconnect();
  }
}
