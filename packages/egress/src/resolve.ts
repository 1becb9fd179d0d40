import { lookup as systemLookup } from 'node:dns/promises';
import { codeOf, PostFailure } from './failure.ts';
import type { SsrfGuard } from './ssrf-guard.ts';

/** Resolves a host name to all its addresses; rejects when there are none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

const lookupBySystem: Lookup = async (hostname) =>
  (await systemLookup(hostname, { all: true })).map(({ address }) => address);

/**
 * The system's resolver takes a thread of libuv's pool for each look-up, for many seconds where a name server hangs. The
 * pool serves the disk too, so look-ups may never take all of it: a process that delivers asks for 16 threads at its
 * start, and these are half of them.
 */
const LOOKUPS_AT_ONCE = 8;

/** One look-up per name at a time, however many posts wait for it, and so many names at a time. */
function shared(lookup: Lookup): Lookup {
  const underWay = new Map<string, Promise<readonly string[]>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  const inTurn: Lookup = async (hostname) => {
    if (running < LOOKUPS_AT_ONCE) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await lookup(hostname);
    } finally {
      const next = waiting.shift();
      // The place goes on to whoever waits longest.
      if (next) next();
      else running -= 1;
    }
  };
  return (hostname) => {
    const before = underWay.get(hostname);
    if (before) return before;
    const answer = inTurn(hostname).finally(() => underWay.delete(hostname));
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
