// stack-clickhouse.mjs <data directory> <port> <database>: the process that scripts/stack runs as its ClickHouse.
import { rmSync } from 'node:fs';
import { stop as endEsbuild } from 'esbuild';
import { loadTypeScript } from '../test-support/bundle.mjs';

const [dataDir, port, database] = process.argv.slice(2);
const password = process.env.STACK_CLICKHOUSE_PASSWORD;

const load = async (file) => {
  const { module, outfile } = await loadTypeScript(`packages/embedded/src/${file}.ts`, `stack-${file}`);
  rmSync(outfile, { force: true });
  return module;
};
const { endOnFatalSignals, giveWay } = await load('libc');
const { startChdbServer } = await load('chdb');
// Its helper process would live as long as this one.
await endEsbuild();

const line = (fields, text = '') =>
  console.log(new Date().toISOString(), typeof fields === 'string' ? fields : JSON.stringify(fields), text);
const logger = { warn: line };
await giveWay();
const engine = await startChdbServer({ dataDir, port: Number(port), password, logger });
await endOnFatalSignals();

let stopping = false;
process.on('SIGTERM', () => {
  if (stopping) return;
  stopping = true;
  line('stopping');
  void engine.stop().then(() => process.exit(0));
});

// As a server's image makes the database that it is told of.
const { origin } = new URL(engine.url);
const reply = await fetch(`${origin}/`, {
  method: 'POST',
  body: `CREATE DATABASE IF NOT EXISTS \`${database}\``,
  headers: { 'x-clickhouse-user': 'default', 'x-clickhouse-key': password },
});
if (!reply.ok) throw new Error(await reply.text());
line(`ready, with the database ${database}`);
