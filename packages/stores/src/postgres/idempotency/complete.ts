import type { Queryable } from '../client.ts';
import type { Times } from './times.ts';

/** The first answer stays: a slow holder and the one that took over derive the same ids, so theirs are the same. */
export async function completeKeys(
  pg: Queryable,
  done: readonly { scope: string; key: string; answer: unknown }[],
  times: Times,
): Promise<void> {
  if (done.length === 0) return;
  await pg.query(
    `WITH held AS (
       SELECT k.scope, k.key, k.day, d.answer
       FROM unnest($1::text[], $2::text[], $3::text[]) AS d (scope, key, answer)
       JOIN idempotency_keys k ON k.scope = d.scope AND k.key = d.key
         AND k.day = ANY ($4::date[]) AND k.created_at > $5 AND k.answer IS NULL
       ORDER BY k.scope, k.key FOR UPDATE OF k
     )
     UPDATE idempotency_keys k SET answer = held.answer::json
     FROM held WHERE k.scope = held.scope AND k.key = held.key AND k.day = held.day`,
    [
      done.map(({ scope }) => scope),
      done.map(({ key }) => key),
      done.map(({ answer }) => JSON.stringify(answer ?? null)),
      [times.today, ...times.otherDays],
      times.expired,
    ],
  );
}
