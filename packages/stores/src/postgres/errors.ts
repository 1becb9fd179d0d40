import { types } from 'node:util';
import { StoreUnavailableError } from '../ports.ts';

/** Node's codes for a server that can't be reached or went away. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * SQLSTATEs that pass (PostgreSQL manual, appendix A): 08 connection, 53 out of resources, 57P0x shutting down or
 * starting, 57014 statement timeout, 40001 and 40P01 conflicts, 55P03 lock timeout, 25006 read-only (a fail-over).
 */
const PASSING = /^(08...|53...|57P0.|57014|40001|40P01|55P03|25006|25P03)$/;

/** pg and its pool give these no code. */
const PASSING_MESSAGE =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** Turns what will pass into StoreUnavailableError and leaves everything else as it is. */
export function asStoreError(error: unknown): Error {
  if (!types.isNativeError(error)) return new Error(String(error));
  if (error instanceof StoreUnavailableError) return error;
  const code = codeOf(error);
  if (code === null ? !PASSING_MESSAGE.test(error.message) : !NETWORK.has(code) && !PASSING.test(code))
    return error;
  return new StoreUnavailableError(
    `Postgres is unavailable: ${error.message || (code ?? 'no reason given')}`,
    {
      cause: error,
    },
  );
}

/** The SQLSTATE or system code; that of the first failure when several addresses were tried (an AggregateError). */
export function codeOf(error: unknown): string | null {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown[] };
  if (typeof code === 'string') return code;
  return errors?.[0] === undefined ? null : codeOf(errors[0]);
}
