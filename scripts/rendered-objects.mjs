// Looking into the objects that the chart renders: what they are, and what they must be.
import { isDeepStrictEqual } from 'node:util';

export const SERVICES = ['ingest', 'subscriptions', 'delivery', 'recorder'];

export function equal(actual, expected, what) {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

export const ofKind = (objects, kind) => objects.filter((object) => object.kind === kind);
export function one(objects, kind, name) {
  const found = ofKind(objects, kind).find((object) => object.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
}
export const podsIn = (objects) =>
  objects.flatMap((object) => {
    if (object.kind === 'Pod') return [[object.metadata.name, object.spec]];
    return object.spec?.template?.spec ? [[object.metadata.name, object.spec.template.spec]] : [];
  });
export const deployment = (objects, part) => one(objects, 'Deployment', `milena-${part}`).spec;
export const policy = (objects, part) => one(objects, 'NetworkPolicy', `milena-${part}`).spec;
