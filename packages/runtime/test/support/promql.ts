import { createMetrics } from '../../src/index.ts';

export type Series = Map<string, Set<string>>;

/** What Prometheus itself adds: a metric about each target, and the labels it gives every series. */
const OF_PROMETHEUS = new Map([['up', new Set<string>()]]);
const TARGET_LABELS = ['job', 'instance', 'service'];

/** Names of all series that a process exposes, each with its own labels. */
export async function seriesOfTheCatalogue(): Promise<Series> {
  const { registry, ofProcess } = createMetrics({ process: true });
  const series = new Map(OF_PROMETHEUS);
  const all = [...(await registry.getMetricsAsJSON()), ...(await ofProcess.getMetricsAsJSON())];
  for (const { name, type } of all) {
    const metric = registry.getSingleMetric(name) ?? ofProcess.getSingleMetric(name);
    const { labelNames = [] } = metric as unknown as { labelNames?: string[] };
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
export function namesIn(expr: string): { metrics: string[]; labels: string[] } {
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
    .replace(/(?<![:\w])(?:sum|avg|min|max|count|topk|bottomk|and|or|unless|bool)(?![:\w])/g, ' ');
  return { metrics: rest.match(/[a-zA-Z_:][\w:]*/g) ?? [], labels };
}

/** What is wrong with an expression and the legend under it, one line for each. */
export function faultsOf(series: Series, expr: string, legend = ''): string[] {
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
