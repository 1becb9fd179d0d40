import { isIPv6 } from 'node:net';
import { createRateLimiter, type Clock, type Logger } from '@milena/runtime';
import { HttpProblem } from './problem.ts';

/** Failures of one address that are told as what they are: so many at once, then one in three seconds. */
const BURST = 20;
const PER_SECOND = 1 / 3;
const LOGGED_PER_SECOND = 1 / 60;

/** Limits what an address may get wrong. */
export interface FailureLimit {
  /**
   * What to answer: the error itself, or 429 with Retry-After for a credential that is wrong once too often. Only
   * failures are limited: what proves itself passes however much others behind the same address get wrong, since
   * nothing that a client of a shared address (NAT, a proxy) does may lock out the others. Guessing is not held up by
   * this but by the size of the keys; what it does is to tell a client that runs wild to wait, and the operator of it.
   */
  judge(error: unknown, request: { address: string | undefined; authorization: string | undefined }): unknown;
}

/**
 * Whom failures are counted for: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets. That of
 * the connection: X-Forwarded-For can be made up by anybody.
 */
export function clientOf(address: string | undefined): string {
  const text = (address ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(text)) return text;
  const [head = '', tail] = (text.split('%')[0] ?? '').split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const after = (tail ?? '').split(':').filter((group) => group !== '');
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  const all = [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${all.slice(0, 4).join(':')}::/64`;
}

/** Of 10,000 addresses at most, some 200 bytes each; the longest idle are forgotten first. */
export function createFailureLimit(deps: { clock: Clock; logger: Logger }): FailureLimit {
  const { clock, logger } = deps;
  const failures = createRateLimiter({ clock });
  const lines = createRateLimiter({ clock });
  return {
    judge: (error, { address, authorization }) => {
      if (!(error instanceof HttpProblem) || error.status !== 401) return error;
      // Nothing was tried.
      if (error.slug === 'unauthorized' && authorization === undefined) return error;
      const client = clientOf(address);
      const waitS = failures.take(client, PER_SECOND, BURST);
      if (waitS === 0) return error;
      if (lines.take(client, LOGGED_PER_SECOND) === 0) logger.warn({ event: 'auth.limited', client });
      const detail = `${error.detail} Too many failures came from this address; wait before the next try.`;
      return new HttpProblem(429, 'too-many-failures', detail, {
        headers: { ...error.headers, 'retry-after': String(waitS) },
      });
    },
  };
}
