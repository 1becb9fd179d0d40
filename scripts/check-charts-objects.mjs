// What the rendered objects must say beyond their schemas. Each check is a name and a function that throws.
import { collectorWay, embeddedWalls, walled } from './check-charts-network.mjs';
import { deployment, equal, holds, ofKind, one, podsIn, policy, SERVICES } from './rendered-objects.mjs';

function hardened(objects) {
  for (const [name, spec] of podsIn(objects)) {
    holds(spec.automountServiceAccountToken === false, `${name} gets a token`);
    holds(spec.securityContext.runAsNonRoot === true, `${name} may run as root`);
    equal(spec.securityContext.seccompProfile, { type: 'RuntimeDefault' }, `${name}, seccomp`);
    const engine = /-(kafka|clickhouse)$/.test(name);
    for (const { securityContext, image, resources } of spec.containers) {
      holds(securityContext.allowPrivilegeEscalation === false, `${name} may gain privileges`);
      equal(securityContext.capabilities, { drop: ['ALL'] }, `${name}, capabilities`);
      holds(engine || securityContext.readOnlyRootFilesystem === true, `${name} may write to its root`);
      holds(/:[^:/]+$/.test(image) && !image.endsWith(':latest'), `${name} has the image ${image}`);
      holds(resources.requests.cpu && resources.requests.memory, `${name} asks for no resources`);
    }
  }
}

function probed(objects) {
  for (const part of SERVICES) {
    const [container] = deployment(objects, part).template.spec.containers;
    equal(container.startupProbe.httpGet, { path: '/ready', port: 'admin' }, `${part}, startup`);
    equal(container.readinessProbe.httpGet, { path: '/ready', port: 'admin' }, `${part}, readiness`);
    equal(container.livenessProbe.httpGet, { path: '/health', port: 'admin' }, `${part}, liveness`);
  }
}

/** Out of the Service, drained, let go: all of it within the grace period. */
function drained(objects) {
  const { data } = one(objects, 'ConfigMap', 'milena-settings');
  const drainS = Number(data.DRAIN_TIMEOUT_MS ?? 15_000) / 1000;
  for (const part of SERVICES) {
    const { strategy, template } = deployment(objects, part);
    const { terminationGracePeriodSeconds: grace, containers } = template.spec;
    const wait = Number(containers[0].lifecycle?.preStop.exec.command[1] ?? 0);
    holds(grace >= wait + drainS + 5, `${part} has ${grace} s for ${wait} + ${drainS} s`);
    const serves = ['ingest', 'subscriptions'].includes(part);
    holds(serves === wait > 0, `${part} waits ${wait} s before it stops`);
    const rolling = serves ? { maxSurge: 1, maxUnavailable: 0 } : { maxSurge: 0, maxUnavailable: 1 };
    equal(strategy.rollingUpdate, rolling, `${part}, rolling update`);
  }
}

const secretsOf = (spec) =>
  spec.containers[0].env.flatMap(({ name, valueFrom }) => (valueFrom?.secretKeyRef ? [name] : []));

/** A service knows the secrets it needs and no others. */
function secretsApart(objects) {
  const known = (part) => secretsOf(deployment(objects, part).template.spec);
  holds(!known('delivery').includes('API_KEY'), 'delivery knows the API key');
  holds(!known('recorder').includes('API_KEY'), 'recorder knows the API key');
  holds(!known('recorder').includes('SECRETS_KEY'), 'recorder knows the key of the secrets');
  holds(!known('ingest').includes('CLICKHOUSE_PASSWORD'), 'ingest knows ClickHouse');
}

/** The worker only has to know whether there is one. */
function operatorApart(objects) {
  const known = (part) =>
    secretsOf(deployment(objects, part).template.spec).filter((name) => name.startsWith('OPERATOR_'));
  equal(known('subscriptions'), ['OPERATOR_WEBHOOK_URL', 'OPERATOR_WEBHOOK_SECRET'], 'subscriptions');
  equal(known('delivery'), ['OPERATOR_WEBHOOK_URL'], 'delivery');
  equal([...known('ingest'), ...known('recorder')], [], 'ingest and recorder');
  const { data } = one(objects, 'Secret', 'milena-secrets');
  equal(atob(data['operator-webhook-url']), 'https://ops.example.com/hooks', 'the URL');
}

function scaled(objects, name) {
  const scaler = ofKind(objects, 'HorizontalPodAutoscaler').find((hpa) => hpa.metadata.name === name);
  holds(scaler?.spec.metrics[0].resource.name === 'cpu', `${name} does not scale by CPU`);
  holds(
    !('replicas' in one(objects, 'Deployment', name).spec),
    `${name} also has a fixed number of replicas`,
  );
}

function scaledByLag(objects) {
  const triggers = (part) =>
    one(objects, 'ScaledObject', `milena-${part}`).spec.triggers.map(
      ({ type, metadata, authenticationRef }) => [
        type,
        metadata.consumerGroup,
        metadata.topic,
        authenticationRef?.name,
      ],
    );
  equal(triggers('delivery'), [['kafka', 'milena.delivery', 'deliveries', 'milena-kafka']], 'delivery');
  equal(
    triggers('recorder'),
    [
      ['kafka', 'milena.recorder.events', 'deliveries', 'milena-kafka'],
      ['kafka', 'milena.recorder.log', 'delivery-log', 'milena-kafka'],
    ],
    'recorder',
  );
  for (const part of ['delivery', 'recorder'])
    holds(!('replicas' in deployment(objects, part)), `${part} also has a fixed number of replicas`);
}

const hooksOf = (object) => object.metadata.annotations?.['helm.sh/hook'];

function routed(objects) {
  const { spec } = one(objects, 'Ingress', 'milena');
  equal(spec.ingressClassName, 'traefik', 'class');
  const routes = spec.rules.flatMap(({ host = '', http }) =>
    http.paths.map(({ path, backend }) => `${host}${path} ${backend.service.name}`),
  );
  return routes;
}

function watched(objects) {
  const [endpoint] = one(objects, 'PodMonitor', 'milena').spec.podMetricsEndpoints;
  equal(
    endpoint.relabelings.map(({ targetLabel }) => targetLabel),
    ['job', 'service'],
    'labels',
  );
  const rules = ofKind(objects, 'PrometheusRule').flatMap(({ spec }) =>
    spec.groups.flatMap((group) => group.rules),
  );
  holds(
    rules.some(({ alert }) => alert === 'MilenaLedgerImbalance'),
    'the alerts are missing',
  );
  holds(
    rules.some(({ annotations }) => annotations?.summary.includes('{{ $value')),
    'what is for Prometheus was taken for Helm',
  );
  const boards = ofKind(objects, 'ConfigMap').filter((map) => map.metadata.labels?.grafana_dashboard === '1');
  equal(boards.length, 5, 'dashboards');
  for (const { data } of boards) for (const text of Object.values(data)) JSON.parse(text);
}

const COMMON = [
  ['pods are hardened', hardened],
  ['probes ask the admin port', probed],
  ['a stop has time to drain', drained],
  ['secrets are apart', secretsApart],
];

const OWN = {
  k3s: [
    ['network policies', walled],
    ['there is no way to a collector', (objects) => collectorWay(objects, 4318)],
    ['network policies of the engines', embeddedWalls],
    ['ingest scales by CPU', (objects) => scaled(objects, 'milena-ingest')],
    [
      'one name for both APIs',
      (objects) =>
        equal(
          routed(objects),
          [
            '/ingest milena-ingest',
            '/api/v1/ingest milena-ingest',
            '/api/v1/events milena-ingest',
            '/ milena-subscriptions',
          ],
          'routes',
        ),
    ],
    [
      'engines come before the migration',
      (objects) =>
        equal(hooksOf(one(objects, 'Job', 'milena-migration')), 'post-install,pre-upgrade', 'hooks'),
    ],
    [
      'made secrets survive an uninstall',
      (objects) =>
        equal(
          one(objects, 'Secret', 'milena-secrets').metadata.annotations,
          { 'helm.sh/resource-policy': 'keep' },
          'annotations',
        ),
    ],
    [
      'the receiver alone may be a private target',
      (objects) =>
        equal(
          one(objects, 'ConfigMap', 'milena-settings').data.ALLOWED_PRIVATE_TARGETS,
          '10.43.80.90/32',
          'targets',
        ),
    ],
  ],
  production: [
    ['network policies', walled],
    [
      'APIs scale by CPU',
      (objects) => ['milena-ingest', 'milena-subscriptions'].forEach((name) => scaled(objects, name)),
    ],
    ['workers scale by lag', scaledByLag],
    ['rules and dashboards come along', watched],
    ['nothing is embedded', (objects) => equal(ofKind(objects, 'StatefulSet'), [], 'engines')],
    ['no secret is made', (objects) => equal(ofKind(objects, 'Secret'), [], 'secrets')],
    [
      'a name for each API',
      (objects) =>
        equal(
          routed(objects),
          [
            'hooks.example.com/ingest milena-ingest',
            'hooks.example.com/api/v1/ingest milena-ingest',
            'hooks.example.com/api/v1/events milena-ingest',
            'milena.example.com/ milena-subscriptions',
          ],
          'routes',
        ),
    ],
  ],
  inline: [
    ['the collector is reached', (objects) => collectorWay(objects, 4319)],
    ['delivery knows that there is an operator, and subscriptions alone the secret', operatorApart],
    [
      'the migration comes first, with its secret',
      (objects) => {
        equal(hooksOf(one(objects, 'Job', 'milena-migration')), 'pre-install,pre-upgrade', 'hooks');
        equal(
          hooksOf(one(objects, 'Secret', 'milena-migration')),
          'pre-install,pre-upgrade',
          'hooks of the secret',
        );
      },
    ],
    [
      'each alert links to its runbook',
      (objects) => {
        const rules = ofKind(objects, 'PrometheusRule').flatMap(({ spec }) =>
          spec.groups.flatMap((group) => group.rules),
        );
        for (const { alert, annotations } of rules.filter((rule) => rule.alert))
          equal(annotations.runbook_url, `https://example.com/runbooks/${alert}.md`, alert);
      },
    ],
    [
      "the engines' own authority is trusted",
      (objects) => {
        for (const [name, { volumes, containers }] of podsIn(objects)) {
          if (name === 'milena-test') continue;
          equal(volumes, [{ name: 'ca', secret: { secretName: 'ca' } }], `${name}, volumes`);
          const { value } = containers[0].env.find((variable) => variable.name === 'NODE_EXTRA_CA_CERTS');
          equal(value, '/etc/milena/ca/ca.crt', `${name}, certificates`);
        }
      },
    ],
    [
      'targets that are allowed are reached, on the ports that are',
      (objects) => {
        const rule = policy(objects, 'delivery').egress.find(({ to = [] }) =>
          to.some(({ ipBlock }) => ipBlock),
        );
        equal(
          rule.to.slice(2).map(({ ipBlock }) => ipBlock.cidr),
          ['10.1.0.0/16', '10.2.3.4/32'],
          'ranges',
        );
        equal(rule.ports, [{ port: 443, protocol: 'TCP' }], 'ports');
      },
    ],
  ],
  minimal: [['no network policies', (objects) => equal(ofKind(objects, 'NetworkPolicy'), [], 'policies')]],
};

/** The checks of one way to render the chart. */
export function checksOfObjects(variant) {
  return [...COMMON, ...OWN[variant]];
}
