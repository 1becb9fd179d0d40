import type { Clock } from '@milena/runtime';
import type { CancellationStore } from '../ports.ts';
import type { Queryable } from './client.ts';
import { timeOf } from './sql.ts';

/** A day longer than a delivery lives by default (DELIVERY_MAX_AGE, 72 h). */
export const CANCELLATIONS_KEPT_MS = 4 * 24 * 3_600_000;

/** Each cancellation also drops up to a thousand that are too old to matter, so the table needs no other care. */
export function createCancellationStore({ pg, clock }: { pg: Queryable; clock: Clock }): CancellationStore {
  return {
    cancel: async ({ delivery_id, subscription_id, tenant_id }) => {
      const nowMs = clock.now();
      await pg.query(
        `WITH dropped AS (
           DELETE FROM delivery_cancellations WHERE delivery_id IN (
             SELECT delivery_id FROM delivery_cancellations WHERE cancelled_at < $5
             ORDER BY cancelled_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
         INSERT INTO delivery_cancellations (delivery_id, subscription_id, tenant_id, cancelled_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT (delivery_id) DO NOTHING`,
        [delivery_id, subscription_id, tenant_id, timeOf(nowMs), timeOf(nowMs - CANCELLATIONS_KEPT_MS)],
      );
    },
  };
}
