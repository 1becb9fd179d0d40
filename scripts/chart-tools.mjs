// The tools that scripts/check-charts.mjs needs: on PATH, or where scripts/tools puts them.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './lib.mjs';

const OWN = path.join(ROOT, '.cache/tools/bin');

function find(name) {
  const places = [...(process.env.PATH ?? '').split(path.delimiter), OWN];
  return places.map((place) => path.join(place, name)).find((file) => existsSync(file)) ?? null;
}

/** Paths by name, or null when one is missing. */
export function findChartTools() {
  const tools = {
    helm: find('helm'),
    promtool: find('promtool'),
    validate: find('kubernetes-validate'),
  };
  return Object.values(tools).every((tool) => tool !== null) ? tools : null;
}

/** Runs a tool; gives its exit code and all it said. */
export function runTool(file, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (error) throw error;
  return { code: status ?? 1, out: stdout, said: `${stdout}${stderr}` };
}

/** What the chart renders to, as text. Throws what helm said when it refuses. */
export function renderChart(helm, args) {
  const { code, out, said } = runTool(helm, [
    'template',
    'milena',
    'charts/milena',
    '--namespace',
    'milena',
    ...args,
  ]);
  if (code !== 0) throw new Error(said);
  return out;
}
