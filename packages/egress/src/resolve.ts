import { lookup as systemLookup } from 'node:dns/promises';
import { codeOf, PostFailure } from './failure.ts';
import type { SsrfGuard } from './ssrf-guard.ts';

/** Resolves a host name to all its addresses; rejects when there are none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

const lookupBySystem: Lookup = async (hostname) =>
  (await systemLookup(hostname, { all: true })).map(({ address }) => address);

/**
 * One look-up per name at a time. The system's resolver runs on a pool of four threads, so a name whose server hangs
 * must not take more than one of them, however many posts wait for it.
 */
function shared(lookup: Lookup): Lookup {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (hostname) => {
    const before = underWay.get(hostname);
    if (before) return before;
    const answer = lookup(hostname).finally(() => underWay.delete(hostname));
    underWay.set(hostname, answer);
    return answer;
  };
}

/** Keeps the addresses the guard allows. @throws PostFailure when that leaves none */
export function allowedOf(host: string, addresses: readonly string[], guard: SsrfGuard): string[] {
  const allowed: string[] = [];
  const reasons: string[] = [];
  for (const address of addresses) {
    const verdict = guard.addressAllowed(address);
    if (verdict.ok) allowed.push(address);
    else reasons.push(verdict.reason);
  }
  if (allowed.length > 0) return allowed;
  if (reasons.length === 0) throw new PostFailure('dns', `${host} has no address.`);
  throw new PostFailure('blocked_target', `Not sent: ${reasons.join('; ')}.`);
}

/** Resolves names to the addresses that the guard allows; rejects with a PostFailure (`dns` or `blocked_target`). */
export function createResolve(guard: SsrfGuard, lookup: Lookup = lookupBySystem): Lookup {
  const lookupOnce = shared(lookup);
  return async (hostname) => {
    const addresses = await lookupOnce(hostname).catch((error: unknown) => {
      throw new PostFailure('dns', `Could not resolve ${hostname} (${codeOf(error)}).`);
    });
    return allowedOf(hostname, addresses, guard);
  };
}
