import { CREDENTIAL_MASK, isCredentialHeader, maskCredentials, type Subscription } from '@milena/domain';
import { invalidBody } from './subscription-body.ts';

/** The subscription as it may be shown. */
export function withoutCredentials(subscription: Subscription): Subscription {
  return { ...subscription, headers: maskCredentials(subscription.headers) };
}

/**
 * Headers of a write with the stored value in the place of each mask, so that what was read can be written back.
 * @throws HttpProblem 422 for a mask that stands for nothing
 */
export function withCredentials<V extends string | null>(
  given: Record<string, V>,
  stored: Readonly<Record<string, string>>,
): Record<string, V | string> {
  const known = new Map(Object.entries(stored).map(([name, value]) => [name.toLowerCase(), value]));
  const entries = Object.entries(given).map(([name, value]): [string, V | string] => {
    if (value !== CREDENTIAL_MASK || !isCredentialHeader(name)) return [name, value];
    const kept = known.get(name.toLowerCase());
    if (kept !== undefined) return [name, kept];
    throw invalidBody([
      { path: `headers.${name}`, message: `is ${CREDENTIAL_MASK}, and there is no value to keep` },
    ]);
  });
  return Object.fromEntries(entries);
}
