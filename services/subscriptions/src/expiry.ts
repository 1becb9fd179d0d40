import { durationSchema, parseDuration } from '@milena/domain';
import { invalidBody } from './subscription-body.ts';
import { timeQuery } from './queries.ts';

/** When something ends, as a time or as a duration from now; without either never. */
export const expiryFields = {
  expires_at: timeQuery.optional().meta({
    description: 'When it ends (RFC 3339); never when neither this nor expires_in is given.',
  }),
  expires_in: durationSchema
    .optional()
    .meta({ description: 'The same from now on, such as 90d.', example: '90d' }),
};

const LONGEST_MS = 100 * 365 * 86_400_000;

/**
 * ms since the epoch; null = never.
 * @throws HttpProblem 422 when it has passed already, or lies more than a hundred years ahead
 */
export function expiryOf(
  given: { expires_at?: number | undefined; expires_in?: string | undefined },
  nowMs: number,
): number | null {
  const path = given.expires_at === undefined ? 'expires_in' : 'expires_at';
  const at =
    given.expires_in === undefined ? given.expires_at : nowMs + (parseDuration(given.expires_in) ?? 0);
  if (at === undefined) return null;
  if (at <= nowMs) throw invalidBody([{ path, message: 'must lie in the future' }]);
  if (at > nowMs + LONGEST_MS) throw invalidBody([{ path, message: 'must lie within a hundred years' }]);
  return at;
}
