import { newId, type Subscription } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import type { SubscriptionInput } from '../../ports.ts';
import type { Postgres } from '../client.ts';
import type { SecretBox } from '../secret-box.ts';
import { timeOf } from '../sql.ts';
import { findSubscription } from './find.ts';
import { insertSecret } from './secrets.ts';
import { columnsOf } from './writable-columns.ts';

export async function insertSubscription(
  { pg, secretBox, clock }: { pg: Postgres; secretBox: SecretBox; clock: Clock },
  input: SubscriptionInput,
  secret: string | null,
): Promise<Subscription> {
  const nowMs = clock.now();
  const id = newId(nowMs);
  const given = columnsOf(input);
  const columns = ['id', 'created_at', 'updated_at', ...given.map(({ column }) => column)];
  const values = [id, timeOf(nowMs), timeOf(nowMs), ...given.map(({ value }) => value)];
  const places = values.map((_, index) => `$${index + 1}`);
  return pg.transaction(async (tx) => {
    await tx.query(`INSERT INTO subscriptions (${columns.join(', ')}) VALUES (${places.join(', ')})`, values);
    if (secret !== null) await insertSecret(tx, { secretBox, nowMs, subscriptionId: id, secret });
    const stored = await findSubscription(tx, id);
    if (stored === null) throw new Error(`subscription ${id} is not there after its insert`);
    return stored;
  });
}
