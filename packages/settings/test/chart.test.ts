import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SETTINGS } from '../src/index.ts';

const SCHEMA = path.resolve(__dirname, '../../../charts/milena/values.schema.json');

/** What the chart sets itself, or has a value of its own for. */
const OF_THE_CHART = [
  ...['HOST', 'PORT', 'ADMIN_PORT', 'DATA_DIR', 'DEMO_RECEIVER_PORT'],
  ...['KAFKA_BROKERS', 'KAFKA_SSL', 'KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'CLICKHOUSE_USER'],
];

test('every variable that is no secret can be set through the chart, and it takes no other', () => {
  const { properties } = JSON.parse(readFileSync(SCHEMA, 'utf8')) as {
    properties: { settings: { properties: Record<string, unknown> } };
  };
  const open = Object.entries(SETTINGS)
    .filter(([name, setting]) => !('secret' in setting && setting.secret) && !OF_THE_CHART.includes(name))
    .map(([name]) => name);
  expect(Object.keys(properties.settings.properties).sort()).toEqual(open.sort());
});
