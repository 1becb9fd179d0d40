import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { faultsOf, seriesOfTheCatalogue } from './support/promql.ts';
import { readRules, withRecorded } from './support/rules.ts';

const FOLDER = path.resolve(__dirname, '../../../charts/milena/dashboards');

interface Panel {
  title?: string;
  gridPos?: { x: number; y: number; w: number; h: number };
  datasource?: { uid?: string };
  targets?: { expr: string; legendFormat?: string }[];
}
interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
}

const dashboards = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => ({
    file,
    ...(JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as Dashboard),
  }));

test('every metric and label on a dashboard is one of the catalogue, or recorded by a rule', async () => {
  const series = withRecorded(await seriesOfTheCatalogue(), readRules());
  expect(dashboards.length).toBeGreaterThan(0);
  const faults = dashboards.flatMap(({ file, panels }) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr, legendFormat }) =>
        faultsOf(series, expr, legendFormat).map((fault) => `${file}, ${title ?? '?'}: ${fault}`),
      ),
    ),
  );
  expect(faults).toEqual([]);
});

test.each([
  ['sum(rate(milena_no_such_total[5m]))', '', 'milena_no_such_total: unknown metric'],
  ['milena_attempts', '', 'milena_attempts: unknown metric'],
  [
    'rate(milena_attempts_total[5m]) / rate(milena_tries_total[5m])',
    '',
    'milena_tries_total: unknown metric',
  ],
  [
    'histogram_quantile(0.9, sum by (le) (milena_recorder_lag_seconds))',
    '',
    'milena_recorder_lag_seconds: unknown',
  ],
  ['sum by (outcom) (milena_attempts_total)', '', 'unknown label outcom'],
  ['milena_attempts_total{result="success"}', '', 'unknown label result'],
  ['sum by (outcome) (milena_attempts_total)', '{{reason}}', 'unknown label reason'],
  ['sum(1)', '', 'names no metric'],
])('the check itself finds what is wrong with %s', async (expr, legend, fault) => {
  expect(faultsOf(await seriesOfTheCatalogue(), expr, legend).join('\n')).toContain(fault);
});

test('dashboards can be told apart, take the data source chosen at their top, and no panel covers another', () => {
  expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  for (const { file, uid, title, panels } of dashboards) {
    expect(uid).toBe(`milena-${path.parse(file).name}`);
    expect(title).toMatch(/^Milena: /);
    const cells = new Set<string>();
    for (const { gridPos = { x: 0, y: 0, w: 0, h: 0 }, datasource } of panels) {
      expect(datasource?.uid).toBe('${datasource}');
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells).not.toContain(`${x},${y}`);
          cells.add(`${x},${y}`);
        }
    }
  }
});
