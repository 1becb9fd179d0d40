import type { Queryable } from '../client.ts';

interface Step {
  subscription_id: string;
  tenant_id: string;
  deliveryIds: readonly string[];
}

/**
 * Notes that these deliveries are about to be appended. Returns those that an earlier step had noted and never finished.
 * Only for who holds the release, and on another connection than its transaction, which a crash takes back. That is why a
 * process needs two connections.
 */
export async function beginStep(pg: Queryable, step: Step): Promise<Set<string>> {
  const { rows } = await pg.query<{ delivery_id: string }>(
    `WITH unfinished AS (SELECT unnest(delivery_ids) AS delivery_id FROM release_steps WHERE subscription_id = $1),
     noted AS (
       INSERT INTO release_steps (subscription_id, delivery_ids, tenant_id) VALUES ($1, $2, $3)
       ON CONFLICT (subscription_id) DO UPDATE SET delivery_ids = ARRAY(
         SELECT unnest(release_steps.delivery_ids) UNION SELECT unnest(EXCLUDED.delivery_ids)))
     SELECT delivery_id FROM unfinished WHERE delivery_id = ANY ($2::uuid[])`,
    [step.subscription_id, step.deliveryIds, step.tenant_id],
  );
  return new Set(rows.map(({ delivery_id }) => delivery_id));
}

/** Part of the transaction that marks them released. */
export async function endStep(tx: Queryable, { subscription_id, deliveryIds }: Step): Promise<void> {
  await tx.query(
    `UPDATE release_steps SET delivery_ids = ARRAY(SELECT unnest(delivery_ids) EXCEPT SELECT unnest($2::uuid[]))
     WHERE subscription_id = $1`,
    [subscription_id, deliveryIds],
  );
}
