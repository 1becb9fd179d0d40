import type { Queryable } from '../client.ts';
import { timeOf } from '../sql.ts';

export async function setReleaseRate(
  pg: Queryable,
  release: { subscription: { id: string; tenant_id: string }; ratePerS: number; notBeforeMs: number },
): Promise<void> {
  await pg.query(
    `INSERT INTO releases (subscription_id, tenant_id, rate_per_s, next_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (subscription_id) DO UPDATE SET rate_per_s = excluded.rate_per_s, next_at = excluded.next_at`,
    [release.subscription.id, release.subscription.tenant_id, release.ratePerS, timeOf(release.notBeforeMs)],
  );
}
