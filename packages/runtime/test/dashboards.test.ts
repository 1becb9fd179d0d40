import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createMetrics } from '../src/index.ts';

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

/** What Prometheus itself adds: a metric about each target, and the labels it gives every series. */
const OF_PROMETHEUS = new Map([['up', new Set<string>()]]);
const TARGET_LABELS = ['job', 'instance', 'service'];

/** Names of all series that a process exposes, each with its own labels. */
async function seriesOfTheCatalogue(): Promise<Map<string, Set<string>>> {
  const { registry } = createMetrics({ process: true });
  const series = new Map(OF_PROMETHEUS);
  for (const { name, type } of await registry.getMetricsAsJSON()) {
    const { labelNames = [] } = registry.getSingleMetric(name) as unknown as { labelNames?: string[] };
    const labels = new Set(labelNames);
    if (String(type) !== 'histogram') {
      series.set(name, labels);
      continue;
    }
    series.set(`${name}_bucket`, new Set([...labels, 'le']));
    series.set(`${name}_sum`, labels);
    series.set(`${name}_count`, labels);
  }
  return series;
}

/** Metrics and labels that a PromQL expression names. */
function namesIn(expr: string): { metrics: string[]; labels: string[] } {
  const labels: string[] = [];
  const take = (text: string): string => {
    labels.push(...(text.match(/[a-zA-Z_]\w*/g) ?? []));
    return ' ';
  };
  const rest = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\[[^\]]*\]|\boffset\s+\w+/g, ' ')
    .replace(/\{[^}]*\}/g, take)
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_all, list: string) =>
      take(list),
    )
    .replace(/\b[a-zA-Z_]\w*\s*(?=\()/g, ' ')
    .replace(/\b(?:sum|avg|min|max|count|topk|bottomk|and|or|unless|bool)\b/g, ' ');
  return { metrics: rest.match(/[a-zA-Z_:][\w:]*/g) ?? [], labels };
}

/** What is wrong with an expression and the legend under it, one line for each. */
function faultsOf(series: Map<string, Set<string>>, expr: string, legend = ''): string[] {
  const { metrics, labels } = namesIn(expr);
  if (metrics.length === 0) return [`${expr}: names no metric`];
  const unknown = metrics
    .filter((metric) => !series.has(metric))
    .map((metric) => `${metric}: unknown metric`);
  const known = new Set([...TARGET_LABELS, ...metrics.flatMap((metric) => [...(series.get(metric) ?? [])])]);
  const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  const wrong = [...labels, ...shown].filter((label) => !known.has(label));
  return [...unknown, ...wrong.map((label) => `${expr}: unknown label ${label}`)];
}

test('every metric and label on a dashboard is one of the catalogue', async () => {
  const series = await seriesOfTheCatalogue();
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
