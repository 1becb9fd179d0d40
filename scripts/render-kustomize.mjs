// Renders the chart into k8s/kustomize/base, for those who don't use Helm. `--check` compares instead, and ends non-zero
// when the base is not what the chart gives.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { findChartTools, renderChart } from './chart-tools.mjs';
import { ROOT } from './lib.mjs';

export const BASE = path.join(ROOT, 'k8s/kustomize/base/milena.yaml');

const HEAD = `# Made by scripts/render-kustomize.mjs from charts/milena with k8s/kustomize/values.yaml: change those, and overlays.
`;

/** The base as it should be. What only Helm knows something about is left out. */
export function renderBase(helm) {
  const text = renderChart(helm, [
    ...['-f', 'charts/milena/values-production.yaml', '-f', 'k8s/kustomize/values.yaml'],
    ...['--no-hooks', '--skip-tests', '--kube-version', '1.34'],
  ]);
  return (
    HEAD + text.replaceAll(/^ *(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*\n|^# Source: .*\n/gm, '')
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const tools = findChartTools();
  if (tools === null) {
    console.error('helm is missing: scripts/tools');
    process.exit(1);
  }
  const base = renderBase(tools.helm);
  if (!process.argv.includes('--check')) writeFileSync(BASE, base);
  else if (readFileSync(BASE, 'utf8') !== base) {
    console.error('k8s/kustomize/base is not what the chart gives: node scripts/render-kustomize.mjs');
    process.exit(1);
  }
}
