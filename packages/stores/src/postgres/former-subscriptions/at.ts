import { maskCredentials } from '@milena/domain';
import type { SentWith } from '../../former-ports.ts';
import type { Queryable } from '../client.ts';

type Row = SentWith & { version: number };

/** For each version the oldest row that reaches up to it, or the subscription as it is. */
export async function formerAt(
  pg: Queryable,
  subscriptionId: string,
  versions: readonly number[],
): Promise<Map<number, SentWith>> {
  if (versions.length === 0) return new Map();
  const { rows } = await pg.query<Row>(
    `SELECT v.version, f.tenant_id, f.target_url, f.headers, f.has_secret
     FROM unnest($2::int[]) AS v (version) CROSS JOIN LATERAL (
       SELECT tenant_id, target_url, headers, has_secret, h.until_version AS reach FROM former_subscriptions h
       WHERE h.subscription_id = $1 AND h.until_version >= v.version
       UNION ALL
       SELECT s.tenant_id, s.target_url, s.headers, EXISTS (
           SELECT 1 FROM subscription_secrets c WHERE c.subscription_id = s.id AND c.expires_at IS NULL),
         s.version FROM subscriptions s
       WHERE s.id = $1 AND s.version >= v.version
       ORDER BY reach LIMIT 1) f`,
    [subscriptionId, [...new Set(versions)]],
  );
  return new Map(
    rows.map(({ version, headers, ...rest }) => [version, { ...rest, headers: maskCredentials(headers) }]),
  );
}
