import type { LiveSubscription, Secret, Subscription } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import { CANCELLATIONS_KEPT_MS } from '../cancel-delivery.ts';
import type { Queryable } from '../client.ts';
import { SecretBoxError, type SealedSecret, type SecretBox } from '../secret-box.ts';
import { msTime, timeOf } from '../sql.ts';
import { SUBSCRIPTION_COLUMNS, SUBSCRIPTION_TABLES } from './columns.ts';

interface StoredSecret {
  key_id: string;
  /** Base64. */
  sealed: string;
  expires_at: number | null;
}

type LiveRow = Subscription & {
  stored_secrets: StoredSecret[];
  cancelled: string[];
};

/** One statement, so that the subscription and its secrets are of one moment. Expired secrets are left out. */
export async function loadLiveSubscription(
  { pg, secretBox, clock }: { pg: Queryable; secretBox: SecretBox; clock: Clock },
  id: string,
): Promise<LiveSubscription | null> {
  const nowMs = clock.now();
  const { rows } = await pg.query<LiveRow>(
    `SELECT ${SUBSCRIPTION_COLUMNS},
       (SELECT coalesce(json_agg(json_build_object(
            'key_id', c.key_id, 'sealed', encode(c.sealed, 'base64'), 'expires_at', ${msTime('c.expires_at')})
            ORDER BY c.expires_at IS NOT NULL, c.created_at DESC, c.id DESC), '[]')
          FROM subscription_secrets c
          WHERE c.subscription_id = s.id AND (c.expires_at IS NULL OR c.expires_at > $2)) AS stored_secrets,
       ARRAY (SELECT d.delivery_id::text FROM delivery_cancellations d
          WHERE d.subscription_id = s.id AND d.cancelled_at > $3) AS cancelled
     FROM ${SUBSCRIPTION_TABLES} WHERE s.id = $1`,
    [id, timeOf(nowMs), timeOf(nowMs - CANCELLATIONS_KEPT_MS)],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { stored_secrets, cancelled, ...subscription } = row;
  return {
    subscription,
    secrets: opened(stored_secrets, (stored) => secretBox.open(stored, subscription.id)),
    cancelled: new Set(cancelled),
  };
}

/** Null when the current one can't be read. One that was replaced is left out then: who rotates it is well again. */
function opened(stored: readonly StoredSecret[], open: (one: SealedSecret) => string): Secret[] | null {
  const secrets: Secret[] = [];
  for (const { key_id, sealed, expires_at } of stored) {
    try {
      secrets.push({ value: open({ key_id, sealed: Buffer.from(sealed, 'base64') }), expires_at });
    } catch (error) {
      if (!(error instanceof SecretBoxError)) throw error;
      if (expires_at === null) return null;
    }
  }
  return secrets;
}
