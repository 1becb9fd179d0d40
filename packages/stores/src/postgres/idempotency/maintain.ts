import type { Postgres, Queryable } from '../client.ts';
import { DAY_MS, MAINTENANCE_LOCK, dayOf } from './days.ts';

/** Enough that a week without maintenance refuses nobody. */
const DAYS_AHEAD = 7;
/** Yesterday's keys may still be alive; one day more for clocks that differ. */
const DAYS_KEPT = 2;

const partitionOf = (ms: number): string => `idempotency_keys_${dayOf(ms).replaceAll('-', '')}`;

/** Creates the partitions around `nowMs` and drops those whose keys have all expired. Many may call it at once. */
export async function maintainPartitions(pg: Postgres, nowMs: number): Promise<void> {
  await pg.transaction(async (tx) => {
    // Both steps lock the table against claims, and waiting for that lock would make the claims behind us wait too.
    await tx.query(`SET LOCAL lock_timeout = '2s'`);
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MAINTENANCE_LOCK]);
    const existing = new Set(await partitionNames(tx));
    for (let offset = -1; offset <= DAYS_AHEAD; offset += 1) {
      const start = nowMs + offset * DAY_MS;
      if (existing.has(partitionOf(start))) continue;
      await tx.query(
        `CREATE TABLE ${partitionOf(start)} PARTITION OF idempotency_keys
         FOR VALUES FROM ('${dayOf(start)}') TO ('${dayOf(start + DAY_MS)}')`,
      );
    }
    const oldestKept = partitionOf(nowMs - DAYS_KEPT * DAY_MS);
    for (const name of existing) if (name < oldestKept) await tx.query(`DROP TABLE ${name}`);
  });
}

async function partitionNames(tx: Queryable): Promise<string[]> {
  const { rows } = await tx.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'idempotency_keys'::regclass`,
  );
  return rows.map(({ name }) => name);
}
