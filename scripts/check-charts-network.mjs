// Who may reach whom, by the network policies that the chart renders.
import { equal, holds, one, policy, SERVICES } from './rendered-objects.mjs';

/** The address ranges that a policy lets out to, ports aside. */
const rangesOut = (spec) => spec.egress.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock ?? []));

export function walled(objects) {
  const [ipv4, ipv6] = rangesOut(policy(objects, 'delivery'));
  equal([ipv4.cidr, ipv6.cidr], ['0.0.0.0/0', '::/0'], 'delivery reaches the outside');
  for (const cidr of ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'])
    holds(ipv4.except.includes(cidr), `delivery reaches ${cidr}`);
  for (const cidr of ['fc00::/7', 'fe80::/10']) holds(ipv6.except.includes(cidr), `delivery reaches ${cidr}`);
  for (const part of SERVICES) {
    const spec = policy(objects, part);
    equal(spec.policyTypes, ['Ingress', 'Egress'], `${part}, policy types`);
    if (part !== 'delivery') equal(rangesOut(spec), [], `${part} reaches addresses`);
  }
}

const peersOf = (rules, key) =>
  rules.flatMap((rule) => (rule[key] ?? []).map(({ podSelector }) => podSelector?.matchLabels));
const components = (rules, key) =>
  peersOf(rules, key).flatMap((labels) => labels?.['app.kubernetes.io/component'] ?? []);

export function embeddedWalls(objects) {
  equal(
    components(policy(objects, 'postgres').ingress, 'from').sort(),
    ['delivery', 'ingest', 'migration', 'recorder', 'subscriptions'],
    'who reaches Postgres',
  );
  equal(
    components(policy(objects, 'clickhouse').ingress, 'from').sort(),
    ['migration', 'recorder', 'subscriptions'],
    'who reaches ClickHouse',
  );
  equal(
    components(policy(objects, 'delivery').egress, 'to').sort(),
    ['demo-receiver', 'kafka', 'postgres', 'redis'],
    'what delivery reaches inside',
  );
}

/** Those that trace reach the collector; where nobody traces there is no way to it. */
export function collectorWay(objects, port) {
  const reaching = SERVICES.filter((part) =>
    policy(objects, part).egress.some(({ ports = [] }) => ports.some((open) => open.port === port)),
  );
  const { data } = one(objects, 'ConfigMap', 'milena-settings');
  const expected = data.OTEL_EXPORTER_OTLP_ENDPOINT ? ['ingest', 'delivery'] : [];
  equal(reaching, expected, `who reaches port ${port}`);
}
