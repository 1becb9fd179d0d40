import type { DeadLetter } from '../../ports.ts';
import type { ReplayFilter, ReplayPosition, ReplaySource } from '../../replay-ports.ts';
import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';
import { DEAD_LETTER_COLUMNS } from './columns.ts';

/** Dead letters by when they were given up. Each query goes by an index that ends in (dead_lettered_at, delivery_id). */
export function createDeadLetterSource({ pg }: { pg: Queryable }): ReplaySource {
  return {
    count: async (filter) => {
      const { conditions, values } = conditionsOf(filter);
      const { rows } = await pg.query<{ count: number }>(
        `SELECT count(*)::float8 AS count FROM dead_letters WHERE ${conditions.join(' AND ')}`,
        values,
      );
      return rows[0]?.count ?? 0;
    },
    next: async (filter, after, bounds) => {
      const { conditions, values, where } = conditionsOf(filter);
      if (after !== null) where('>', after);
      if (bounds.end !== null) where('<=', bounds.end);
      // Up to a given end everything counts: what it was cut by is known by its end alone.
      values.push(bounds.end === null ? bounds.limit : null, bounds.end === null ? bounds.max_bytes : null);
      const [limit, bytes] = [`$${values.length - 1}`, `$${values.length}`];
      const { rows } = await pg.query<DeadLetter>(
        `WITH first AS (
           SELECT delivery_id, dead_lettered_at, octet_length(payload) AS bytes FROM dead_letters
           WHERE ${conditions.join(' AND ')} ORDER BY dead_lettered_at, delivery_id LIMIT ${limit}::bigint),
         sized AS (
           SELECT delivery_id, sum(bytes) OVER (ORDER BY dead_lettered_at, delivery_id) - bytes AS before FROM first)
         SELECT ${DEAD_LETTER_COLUMNS}, payload FROM dead_letters
         WHERE delivery_id IN (
           SELECT delivery_id FROM sized WHERE ${bytes}::bigint IS NULL OR before < ${bytes}::bigint)
         ORDER BY dead_letters.dead_lettered_at, delivery_id`,
        values,
      );
      const last = rows.at(-1);
      const reached = last === undefined ? null : { at: last.dead_lettered_at, id: last.delivery_id };
      return { items: rows, end: bounds.end ?? reached };
    },
  };
}

function conditionsOf(filter: ReplayFilter) {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const add = (condition: string, ...given: unknown[]): void => {
    const first = values.length;
    values.push(...given);
    conditions.push(condition.replace(/\$(\d)/g, (_, n: string) => `$${first + Number(n)}`));
  };
  add('status = ANY ($1::text[])', filter.statuses);
  // Copies that went elsewhere are among the discarded alone: of all others their index tells enough.
  if (filter.statuses.includes('discarded')) conditions.push('target_url IS NULL');
  add('dead_lettered_at < $1', timeOf(filter.until));
  if (filter.since !== null) add('dead_lettered_at >= $1', timeOf(filter.since));
  if (filter.subscription_id !== null) add('subscription_id = $1', filter.subscription_id);
  if (filter.tenant_id !== null) add('tenant_id = $1', filter.tenant_id);
  if (filter.event_type !== null) add('event_type = $1', filter.event_type);
  if (filter.ids !== null) add('delivery_id = ANY ($1::uuid[])', filter.ids);
  const where = (compare: '>' | '<=', { at, id }: ReplayPosition): void => {
    add(`(dead_lettered_at, delivery_id) ${compare} ($1, $2)`, timeOf(at), id);
  };
  return { conditions, values, where };
}
