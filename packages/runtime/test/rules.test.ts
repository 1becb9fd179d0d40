import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { seriesOfTheCatalogue } from './support/promql.ts';
import { faultsOfRules, readRules, rulesIn, RUNBOOKS } from './support/rules.ts';

const rules = readRules();

test('every metric and label in a rule is one of the catalogue, and every alert has a severity, a summary and a runbook', async () => {
  expect(rules.length).toBeGreaterThan(0);
  expect(faultsOfRules(await seriesOfTheCatalogue(), rules, RUNBOOKS)).toEqual([]);
});

test('every runbook belongs to an alert and says what it means, what to look at and what to do', () => {
  const alerts = new Set(rules.flatMap(({ alert }) => alert ?? []));
  const runbooks = readdirSync(RUNBOOKS).filter((file) => file !== 'README.md');
  expect(runbooks.sort()).toEqual([...alerts].map((alert) => `${alert}.md`).sort());
  for (const file of runbooks) {
    const text = readFileSync(path.join(RUNBOOKS, file), 'utf8');
    expect(text).toMatch(new RegExp(`^# ${path.parse(file).name}\n`));
    for (const heading of ['## Meaning', '## Look', '## Do']) expect(text).toContain(`\n${heading}\n`);
  }
});

const alert = (expr: string, rest = '') => `
groups:
  - name: g
    rules:
      - alert: MilenaServiceDown
        expr: ${expr}
        labels: { severity: page }
        annotations: { summary: 'down' }
        ${rest}`;

test.each([
  [alert('milena_no_such_total > 0'), 'milena_no_such_total: unknown metric'],
  [alert('milena:never_recorded:ratio > 0'), 'milena:never_recorded:ratio: unknown metric'],
  [alert('sum by (outcom) (milena_attempts_total) > 0'), 'unknown label outcom'],
  [alert('up == 0').replace('page', 'loud'), 'its severity is not page or ticket'],
  [alert('up == 0').replace("'down'", "''"), 'has no summary'],
  [
    alert('sum by (service) (up) == 0').replace("'down'", "'{{ $labels.instance }} down'"),
    '$labels.instance: the expression drops it',
  ],
  [alert('up == 0').replace('MilenaServiceDown', 'MilenaUnheardOf'), 'has no runbook MilenaUnheardOf.md'],
  [
    'groups: [{ name: g, rules: [{ record: "milena:x:y", expr: sum(milena_gone) }] }]',
    'milena_gone: unknown metric',
  ],
])('the check itself finds what is wrong with %s', async (text, fault) => {
  expect(faultsOfRules(await seriesOfTheCatalogue(), rulesIn(text), RUNBOOKS).join('\n')).toContain(fault);
});
