import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { faultsOf, namesIn, type Series } from './promql.ts';

const ROOT = path.resolve(__dirname, '../../../..');
const FOLDER = path.join(ROOT, 'charts/milena/rules');
export const RUNBOOKS = path.join(ROOT, 'docs/runbooks');

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export const readRules = (): Rule[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => rulesIn(readFileSync(path.join(FOLDER, file), 'utf8')));

export const rulesIn = (text: string): Rule[] =>
  (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);

/** The catalogue and what the rules record, each with the labels that its expression keeps. */
export function withRecorded(series: Series, rules: readonly Rule[]): Series {
  const recorded = rules.flatMap(({ record, expr, labels }): [string, Set<string>][] =>
    record === undefined ? [] : [[record, new Set([...namesIn(expr).labels, ...Object.keys(labels ?? {})])]],
  );
  return new Map([...series, ...recorded]);
}

/** What is wrong with the rules, one line for each fault. */
export function faultsOfRules(series: Series, rules: readonly Rule[], runbooks: string): string[] {
  const known = withRecorded(series, rules);
  return rules.flatMap(({ record, alert, expr, labels = {}, annotations = {} }) => {
    const name = record ?? alert ?? '?';
    const faults = faultsOf(known, expr);
    if (alert !== undefined) {
      const used = [
        ...Object.values(annotations)
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ].map(([, label = '']) => label);
      const kept = new Set([...namesIn(expr).labels, ...Object.keys(labels)]);
      faults.push(
        ...used
          .filter((label) => !kept.has(label))
          .map((label) => `$labels.${label}: the expression drops it`),
      );
      if (!['page', 'ticket'].includes(labels['severity'] ?? ''))
        faults.push('its severity is not page or ticket');
      if ((annotations['summary'] ?? '') === '') faults.push('has no summary');
      if (!existsSync(path.join(runbooks, `${alert}.md`))) faults.push(`has no runbook ${alert}.md`);
    }
    return faults.map((fault) => `${name}: ${fault}`);
  });
}
