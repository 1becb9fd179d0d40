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
  if (!(error instanceof Error)) return new Error(String(error));
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

/** The SQLSTATE or system code; of the first cause when several addresses were tried. */
export function codeOf(error: unknown): string | null {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}
