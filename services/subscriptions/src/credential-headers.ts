import type { Subscription } from '@milena/domain';
import { invalidBody } from './subscription-body.ts';

/** What is shown in place of a value, and what a write sends back for "as it is". */
const MASK = '***';
/** Headers by which a subscription proves itself to its endpoint: `authorization`, `cookie`, `x-api-key`, … */
const CREDENTIAL = /^(authorization|cookie)$|(^|[-_])(api-?key|key|token|secret|password|auth)$/i;

type Headers = Record<string, string>;

/** The subscription as it may be shown: the headers that hold credentials are named, their values are not. */
export function withoutCredentials(subscription: Subscription): Subscription {
  const headers = Object.entries(subscription.headers).map(([name, value]): [string, string] => [
    name,
    CREDENTIAL.test(name) ? MASK : value,
  ]);
  return { ...subscription, headers: Object.fromEntries(headers) };
}

/**
 * Headers of a write with the stored value in the place of each mask, so that what was read can be written back.
 * @throws HttpProblem 422 for a mask that stands for nothing
 */
export function withCredentials<V extends string | null>(
  given: Record<string, V>,
  stored: Headers,
): Record<string, V | string> {
  const known = new Map(Object.entries(stored).map(([name, value]) => [name.toLowerCase(), value]));
  const entries = Object.entries(given).map(([name, value]): [string, V | string] => {
    if (value !== MASK || !CREDENTIAL.test(name)) return [name, value];
    const kept = known.get(name.toLowerCase());
    if (kept !== undefined) return [name, kept];
    throw invalidBody([{ path: `headers.${name}`, message: `is ${MASK}, and there is no value to keep` }]);
  });
  return Object.fromEntries(entries);
}
