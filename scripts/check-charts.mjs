// Checks the chart, the rules and the kustomize base: helm lint and template for each preset, validated against the
// schemas of Kubernetes; what the objects must say; promtool's checks and tests; drift. Needs what scripts/tools gets.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { checksOfObjects } from './check-charts-objects.mjs';
import { settingsChecks } from './check-charts-settings.mjs';
import { findChartTools, renderChart, runTool } from './chart-tools.mjs';
import { ROOT } from './lib.mjs';
import { BASE, renderBase } from './render-kustomize.mjs';
import { loadSettings } from './service-settings.mjs';

const KUBERNETES = '1.34';
const RULES = 'charts/milena/rules';
const FOREIGN = ['PodMonitor', 'PrometheusRule', 'ScaledObject']; // Of operators: there is no schema here.

const preset = (name) => ['-f', `charts/milena/values-${name}.yaml`];
const set = (...pairs) => pairs.flatMap((pair) => ['--set', pair]);
const EXTERNAL = set(
  'externalPostgres.url=postgres://m:p@db:5432/milena',
  'externalKafka.brokers=kafka:9092',
  'externalClickhouse.url=http://ch:8123',
  'externalClickhouse.password=p',
);

/** Ways to render the chart: the presets, and what neither of them has on. */
const VARIANTS = {
  k3s: preset('k3s'),
  production: preset('production'),
  inline: [
    ...EXTERNAL,
    ...set(
      'externalRedis.url=redis://r:6379/0',
      'externalKafka.sasl.mechanism=plain',
      'externalKafka.sasl.username=u',
    ),
    ...set('operatorWebhook.url=https://ops.example.com/hooks', 'operatorWebhook.secret=of-the-operator'),
    ...set('externalKafka.sasl.password=p', 'service.type=NodePort', 'service.ingestNodePort=30081'),
    ...set('externalKafka.ssl=true', 'auth.secretsKeyPrevious=old', 'settings.DATABASE_POOL_MAX=20'),
    ...set('settings.CLICKHOUSE_MAX_CONNECTIONS=20', 'settings.CLICKHOUSE_DATABASE=hooks'),
    ...set(
      'settings.OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318',
      'networkPolicy.collector.ports={4319}',
    ),
    ...set('settings.OTEL_TRACES_SAMPLER_ARG=0.25'),
    ...set('settings.LOG_RETENTION_HOURS=24', 'settings.LOG_LEVEL=debug'),
    ...set('settings.ALLOWED_PRIVATE_TARGETS=10.1.0.0/16\\,10.2.3.4/32', 'networkPolicy.targetPorts={443}'),
    ...set(
      'metrics.prometheusRule.enabled=true',
      'metrics.prometheusRule.runbookBaseUrl=https://example.com/runbooks/',
    ),
    ...set('extraCa.secretName=ca', 'delivery.extraEnv[0].name=LANG', 'delivery.extraEnv[0].value=C'),
    ...set(
      'settings.DRAIN_TIMEOUT_MS=40000',
      'metrics.podAnnotations.enabled=true',
      'image.pullSecrets={pull}',
    ),
  ],
  minimal: [
    ...EXTERNAL,
    ...set(
      'networkPolicy.enabled=false',
      'podDisruptionBudget.enabled=false',
      'topologySpread.enabled=false',
    ),
    ...set('migrations.enabled=false', 'serviceAccount.create=false'),
  ],
};

const tools = findChartTools();
if (tools === null) {
  console.error('helm, promtool or kubernetes-validate is missing: scripts/tools gets them.');
  process.exit(1);
}
const known = await loadSettings();
const checksOf = (variant) => [...checksOfObjects(variant), ...settingsChecks(variant, known)];
const scratch = mkdtempSync(path.join(tmpdir(), 'milena-charts-'));
const failures = [];
let checks = 0;

function check(name, work) {
  checks += 1;
  try {
    work();
  } catch (error) {
    failures.push(`${name}: ${error.message.trim().split('\n').slice(0, 12).join('\n  ')}`);
  }
}

function passes(file, args) {
  const { code, said } = runTool(file, args);
  if (code !== 0) throw new Error(said);
  return said;
}

/** It must fail, and for the reason meant: a check that fails for another proves nothing. */
function refuses(file, args, reason) {
  const { code, said } = runTool(file, args);
  if (code === 0) throw new Error('it was taken, although it is wrong');
  if (!reason.test(said)) throw new Error(`it was refused, but for another reason: ${said}`);
}

function scratchFile(name, text) {
  const file = path.join(scratch, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const template = (...args) => ['template', 'milena', 'charts/milena', '--kube-version', KUBERNETES, ...args];
const validate = (file) => passes(tools.validate, ['-k', KUBERNETES, '--strict', file]);

function validated(name, text) {
  const said = validate(scratchFile(`${name}.yaml`, text));
  const unknown = [...said.matchAll(/Couldn't find schema for kind (\w+)/g)].map(([, kind]) => kind);
  const strange = unknown.filter((kind) => !FOREIGN.includes(kind));
  if (strange.length > 0) throw new Error(`no schema for ${strange.join(', ')}`);
}

const objectsIn = (text) =>
  parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);

/** What the checks of objects find. */
const faultsOf = (variant, objects) =>
  checksOf(variant).flatMap(([, work]) => {
    try {
      work(objects);
      return [];
    } catch (error) {
      return [error.message];
    }
  });

function chartChecks() {
  for (const [name, args] of Object.entries(VARIANTS)) {
    check(`helm lint, ${name}`, () =>
      passes(tools.helm, ['lint', 'charts/milena', '--strict', '--quiet', ...args]),
    );
    check(`manifests of ${name}`, () => {
      const text = renderChart(tools.helm, ['--kube-version', KUBERNETES, ...args]);
      validated(name, text);
      const objects = objectsIn(text);
      for (const [what, work] of checksOf(name)) check(`${name}: ${what}`, () => work(objects));
    });
  }
}

function brokenCharts() {
  const values = (what, args, reason) =>
    check(`refused: ${what}`, () => refuses(tools.helm, template(...preset('k3s'), ...args), reason));
  values('a key that does not exist', set('ingest.replcas=3'), /additional properties 'replcas' not allowed/);
  values('a setting that does not exist', set('settings.RETRY_DELAY=10s'), /'RETRY_DELAY' not allowed/);
  values(
    'a password where everybody sees it',
    set('settings.OTEL_EXPORTER_OTLP_ENDPOINT=http://u:p@collector:4318'),
    /OTEL_EXPORTER_OTLP_ENDPOINT/,
  );
  values('more than all traces', set('settings.OTEL_TRACES_SAMPLER_ARG=2'), /OTEL_TRACES_SAMPLER_ARG/);
  values('a duration without a unit', set('settings.DELIVERY_MAX_AGE=72'), /DELIVERY_MAX_AGE/);
  values('words for a number', set('ingest.replicas=many'), /ingest\/replicas/);
  values('a port of no range', set('service.ingestNodePort=99999'), /ingestNodePort/);
  values('an engine twice', set('externalKafka.brokers=kafka:9092'), /both embedded .* and external/);
  values('an operator without a secret', set('operatorWebhook.url=https://o.example'), /always signed/);
  values('an operator at no URL', set('operatorWebhook.url=o.example'), /operatorWebhook/);
  values(
    'more workers than partitions',
    set('delivery.keda.enabled=true', 'delivery.keda.maxReplicas=13'),
    /only 12/,
  );
  values('a receiver that may not be a target', set('demoReceiver.clusterIP='), /ALLOWED_PRIVATE_TARGETS/);
  check('refused: no engines at all', () => refuses(tools.helm, template(), /values-k3s\.yaml/));
  check('refused: a manifest with a wrong type', () => {
    const text = renderChart(tools.helm, preset('k3s')).replace(/replicas: 1\n/, 'replicas: one\n');
    refuses(tools.validate, ['-k', KUBERNETES, '--strict', scratchFile('broken.yaml', text)], /'one'/);
  });
  check('refused: a manifest with a field that does not exist', () => {
    const text = renderChart(tools.helm, preset('k3s')).replace(/livenessProbe:/, 'livelinessProbe:');
    refuses(
      tools.validate,
      ['-k', KUBERNETES, '--strict', scratchFile('broken.yaml', text)],
      /livelinessProbe/,
    );
  });
}

/** What the checks of objects are for: each change to what the chart renders must be noticed. */
function brokenObjects() {
  const changes = [
    [
      'a pod that may write to its root',
      /readOnlyRootFilesystem: true/,
      'readOnlyRootFilesystem: false',
      /may write to its root/,
    ],
    [
      'a stop without time',
      /terminationGracePeriodSeconds: 30/,
      'terminationGracePeriodSeconds: 10',
      /has 10 s for/,
    ],
    ['delivery inside the cluster', / +- 10\.0\.0\.0\/8\n/, '', /delivery reaches 10\.0\.0\.0\/8/],
    ['readiness of another kind', /path: \/ready/g, 'path: /health', /startup/],
    ['a migration before its stores', /post-install,pre-upgrade/g, 'pre-install,pre-upgrade', /hooks/],
    ['an Ingress of another class', /ingressClassName: traefik/, 'ingressClassName: other', /class/],
    ['one key of the secrets without the other', /key: secrets-key-previous/, 'key: old', /_PREVIOUS/],
    [
      'a key that the recorder has no use for',
      /(- name: recorder\n[^]*? env:\n)/,
      '$1            - { name: API_KEY, value: x }\n',
      /recorder knows secrets that it does not read: \["API_KEY"\]/,
    ],
    [
      'a password in the open',
      /name: DATABASE_URL\n.*/g,
      'name: DATABASE_URL\n              value: postgres://m:p@db/m',
      /not in a secret/,
    ],
    [
      'a variable that nothing sets',
      /name: KAFKA_SASL_USERNAME/g,
      'name: KAFKA_USER',
      /ingest reads what the chart can't set: \["KAFKA_SASL_USERNAME"\]/,
      'inline',
    ],
    [
      'a migration by other settings than the service',
      /- \{ name: LOG_RETENTION_HOURS.*\n/,
      '',
      /the migration reads/,
      'inline',
    ],
  ];
  for (const [what, from, to, reason, variant = 'k3s'] of changes) {
    check(`noticed: ${what}`, () => {
      const text = renderChart(tools.helm, VARIANTS[variant]);
      if (!from.test(text)) throw new Error('the chart has nothing of the kind');
      const said = faultsOf(variant, objectsIn(text.replace(from, to))).join('; ');
      if (!reason.test(said)) throw new Error(`it was not noticed: ${said}`);
    });
  }
}

function ruleChecks() {
  const in_ = (folder) =>
    readdirSync(path.join(ROOT, folder))
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => `${folder}/${file}`);
  check('promtool check rules', () => passes(tools.promtool, ['check', 'rules', ...in_(RULES)]));
  check('promtool test rules', () => passes(tools.promtool, ['test', 'rules', ...in_(`${RULES}/tests`)]));

  const alerts = readFileSync(path.join(ROOT, RULES, 'alerts.yaml'), 'utf8');
  check('refused: a rule that does not parse', () => {
    const file = scratchFile('rules/broken.yaml', alerts.replace('sum by (service)', 'sum by service'));
    refuses(tools.promtool, ['check', 'rules', file], /could not parse expression/);
  });
  check('refused: a rule that fires when it should not', () => {
    for (const file of ['slo.yaml', 'tests/slo.test.yaml', 'tests/alerts.test.yaml'])
      scratchFile(`rules/${file}`, readFileSync(path.join(ROOT, RULES, file), 'utf8'));
    scratchFile(
      'rules/alerts.yaml',
      alerts.replace('> 60 * milena:first_attempts:rate5m', '> 0 * milena:first_attempts:rate5m'),
    );
    const tests = path.join(scratch, 'rules/tests/alerts.test.yaml');
    refuses(tools.promtool, ['test', 'rules', tests], /MilenaDeliveryBehind/);
  });
}

function kustomizeChecks() {
  const base = readFileSync(BASE, 'utf8');
  const compare = (text) => {
    if (renderBase(tools.helm) !== text)
      throw new Error('not what the chart gives: node scripts/render-kustomize.mjs');
  };
  check('kustomize base', () => {
    compare(base);
    validated('kustomize', base);
  });
  check('refused: a kustomize base that was changed by hand', () => {
    let found = false;
    try {
      compare(base.replace('maxUnavailable: 1', 'maxUnavailable: 2'));
    } catch {
      found = true;
    }
    if (!found) throw new Error('it was taken');
  });
}

chartChecks();
brokenCharts();
brokenObjects();
ruleChecks();
kustomizeChecks();
rmSync(scratch, { recursive: true });
for (const failure of failures) console.error(`FAIL ${failure}`);
console.log(`charts: ${checks - failures.length} of ${checks} checks passed`);
process.exit(failures.length === 0 ? 0 : 1);
