import { HttpProblem } from '@milena/http';
import { z } from 'zod';

/** What ClickHouse and Postgres both hold, with room: a time beyond it can't be meant. */
const LATEST_MS = Date.UTC(2200, 0, 1);

/** A point in time, RFC 3339, as ms since the epoch. A `+` that arrived unescaped (as a blank) is understood. */
export const timeQuery = z
  .string()
  .meta({ format: 'date-time' })
  .transform((text) => text.replace(' ', '+').toUpperCase())
  .pipe(
    z.iso.datetime({
      offset: true,
      error: 'must be a time as in RFC 3339, such as 2026-01-31T09:30:00Z',
    }),
  )
  .transform((text) => Date.parse(text))
  .refine((ms) => ms >= 0 && ms <= LATEST_MS, 'must lie between 1970 and 2200');

export const rangeQuery = {
  since: timeQuery
    .optional()
    .meta({ description: 'From this time on (RFC 3339, such as 2026-01-31T09:30:00Z).' }),
  until: timeQuery
    .optional()
    .meta({ description: 'Before this time (RFC 3339, such as 2026-01-31T09:30:00Z).' }),
};

/**
 * The asked-for range, or the last `defaultMs`.
 * @throws HttpProblem 400 when it is empty or longer than `maxMs`
 */
export function toRange(
  query: { since?: number | undefined; until?: number | undefined },
  nowMs: number,
  bounds: { defaultMs: number; maxMs?: number },
): { since: number; until: number } {
  const until = query.until ?? nowMs;
  const since = query.since ?? until - bounds.defaultMs;
  checkOrder({ since, until });
  if (bounds.maxMs !== undefined && until - since > bounds.maxMs) {
    throw badRange(`since and until may lie at most ${bounds.maxMs / 3_600_000} hours apart.`);
  }
  return { since: Math.max(0, since), until };
}

/** @throws HttpProblem 400 when `since` is not before `until` */
export function checkOrder(query: { since?: number | undefined; until?: number | undefined }): void {
  if (query.since !== undefined && query.until !== undefined && query.since >= query.until) {
    throw badRange('since must lie before until.');
  }
}

function badRange(detail: string): HttpProblem {
  return new HttpProblem(400, 'bad-range', detail, { errors: [{ path: 'since', message: detail }] });
}
