import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runLogged, which } from './install.mjs';
import { FETCHED, dataDir } from './place.mjs';

const POM = fileURLToPath(new URL('kafka/pom.xml', import.meta.url));
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const DATA = dataDir('kafka');
const PROPERTIES = path.join(DATA, 'server.properties');
const LOG_DIR = path.join(DATA, 'log');
// Another pom is another directory, so that a new version is fetched and a half-fetched one never used.
const LIBS = path.join(
  FETCHED,
  `kafka-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)}`,
);

const OLDEST_JAVA = 17;
// As small as it can be and still do 25,000 records a second. C1 only: ready sooner, and the machine is shared.
const JVM = ['-Xmx512m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const serverProperties = (port) =>
  Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${port + 1}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': LOG_DIR,
    'auto.create.topics.enable': false,
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 5,
    'group.initial.rebalance.delay.ms': 0,
    // After kill -9 the broker is refused until its old session is over: 5 s to come back instead of 11. Tries again at
    // the interval of heartbeats.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');

function findJava() {
  const file = process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, 'bin/java') : which('java');
  if (file === null) return null;
  try {
    const release = execFileSync(file, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(/^\S+ (\d+)/.exec(release)?.[1]) >= OLDEST_JAVA ? file : null;
  } catch {
    return null;
  }
}

const classPath = ['-cp', path.join(LIBS, '*')];

/** Metadata, version 1, of no topics; the answer begins with the brokers that are ready to serve. */
const METADATA_REQUEST = Buffer.from(
  '00000010' + '0003' + '0001' + '00000001' + '0002' + '7374' + '00000000',
  'hex',
);

function liveBrokers(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2000 });
    let answer = Buffer.alloc(0);
    socket.once('connect', () => socket.write(METADATA_REQUEST));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 12) return;
      resolve(answer.readInt32BE(8));
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the broker hung up')));
  });
}

export const kafka = {
  name: 'kafka',
  defaultPort: 19092,
  /** The controller of the one node. */
  otherPorts: (port) => [port + 1],
  dirs: [DATA],
  stopSignals: [['SIGTERM', 20_000]],

  missingPackages() {
    return [
      ...(findJava() === null ? ['default-jre-headless'] : []),
      ...(existsSync(LIBS) || which('mvn') !== null ? [] : ['maven']),
    ];
  },

  async prepare({ port }) {
    const java = findJava();
    if (java === null) throw new Error(`Kafka needs Java ${OLDEST_JAVA} or newer; set JAVA_HOME to one.`);
    if (!existsSync(LIBS)) {
      console.log('Fetching Kafka with Maven.');
      const unfinished = `${LIBS}.unfinished`;
      rmSync(unfinished, { recursive: true, force: true });
      const args = ['-B', '-ntp', '-f', POM, COPY, `-DoutputDirectory=${unfinished}`];
      await runLogged('mvn', 'mvn', args).catch(() => runLogged('mvn', 'mvn', args));
      renameSync(unfinished, LIBS);
    }
    mkdirSync(DATA, { recursive: true });
    writeFileSync(PROPERTIES, serverProperties(port));
    if (!existsSync(path.join(LOG_DIR, 'meta.properties'))) {
      rmSync(LOG_DIR, { recursive: true, force: true });
      const id = `M${randomBytes(16).toString('base64url').slice(1)}`;
      const format = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', PROPERTIES];
      await runLogged('Formatting Kafka’s directory', java, [...JVM, ...classPath, ...format]);
    }
    return java;
  },

  command(_, java) {
    const logging = '-Dorg.apache.logging.log4j.level=INFO';
    return { file: java, args: [...JVM, logging, ...classPath, 'kafka.Kafka', PROPERTIES], cwd: DATA };
  },

  async check({ port }) {
    if ((await liveBrokers(port)) === 0) throw new Error('the broker is not registered yet');
  },

  url: ({ port }) => `127.0.0.1:${port}`,
  env: ({ port }) => ({ KAFKA_BROKERS: `127.0.0.1:${port}` }),
};
