import { lookup as systemLookup } from 'node:dns/promises';
import type { Clock } from '@milena/runtime';
import { codeOf, PostFailure } from './failure.ts';
import { createLookupLine, type Lookup, type LookupInTurn } from './lookup-line.ts';
import { remember } from './remember.ts';
import type { SsrfGuard } from './ssrf-guard.ts';

const lookupBySystem: Lookup = async (hostname) =>
  (await systemLookup(hostname, { all: true })).map(({ address }) => address);

/** An answer serves new connections for so long; few posts to a quiet endpoint find a connection that is still open. */
const ANSWER_KEPT_MS = 30_000;
/** Names with a kept answer; they take about 2 MB. */
const KEPT_ANSWERS = 10_000;

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

/** Turns names into addresses that may be connected to. */
interface Names {
  /**
   * The addresses that the guard allows, judged anew for each call; rejects with a PostFailure (`dns` or
   * `blocked_target`).
   */
  resolve: LookupInTurn;
  /** The next call for this name asks its server again: connecting to the addresses failed. */
  forget(hostname: string): void;
}

/** Resolves names by `lookup`, and keeps its answers for a short time. */
export function createNames(guard: SsrfGuard, clock: Clock, lookup: Lookup = lookupBySystem): Names {
  const lookupInTurn = createLookupLine(lookup, clock);
  const answers = new Map<string, { addresses: readonly string[]; at: number }>();

  async function addressesOf(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    const kept = answers.get(hostname);
    const age = kept ? clock.now() - kept.at : Infinity;
    // Below 0: the clock was set back, so nobody knows how old it is.
    if (kept && age >= 0 && age < ANSWER_KEPT_MS) return kept.addresses;
    const addresses = await lookupInTurn(hostname, signal).catch((error: unknown) => {
      throw new PostFailure('dns', `Could not resolve ${hostname} (${codeOf(error)}).`);
    });
    remember(answers, hostname, { addresses, at: clock.now() }, KEPT_ANSWERS);
    return addresses;
  }

  return {
    resolve: async (hostname, signal) => allowedOf(hostname, await addressesOf(hostname, signal), guard),
    forget: (hostname) => {
      answers.delete(hostname);
    },
  };
}
