import type { HeldDelivery, ReleaseTake } from '../../held-ports.ts';
import type { Postgres, Queryable } from '../client.ts';
import { msTime, timeOf } from '../sql.ts';
import { beginStep, endStep } from './steps.ts';

/** A release that could not go on for longer than this does not make up for it by a burst. */
const LONGEST_CREDIT_MS = 500;

type HeldRow = Omit<HeldDelivery['delivery'], 'due_at' | 'deferrals'> & { held_at: number };

/**
 * The row in `releases` is locked for as long as the work lasts; it is free at once when this process dies, because its
 * connection ends with it. The held rows are locked as well, so that a new hold of a delivery that is being released is
 * stored after its release.
 */
export async function takeHeld(
  { pg, nowMs }: { pg: Postgres; nowMs: number },
  take: ReleaseTake,
  work: (held: readonly HeldDelivery[]) => Promise<void>,
): Promise<number> {
  // On its own: a row that isn't committed yet would make others wait for it.
  await pg.query(
    `INSERT INTO releases (subscription_id, tenant_id, next_at)
     SELECT subscription_id, tenant_id, $2 FROM held_deliveries WHERE subscription_id = $1 AND released_at IS NULL LIMIT 1
     ON CONFLICT DO NOTHING`,
    [take.subscription_id, timeOf(nowMs)],
  );
  return pg.transaction(async (tx) => {
    if (!(await lockRelease(tx, take, nowMs))) return 0;
    const held = await oldestHeld(tx, take);
    const [oldest] = held;
    if (oldest === undefined) return 0;
    const step = {
      subscription_id: take.subscription_id,
      tenant_id: oldest.delivery.tenant_id,
      deliveryIds: held.map(({ delivery }) => delivery.delivery_id),
    };
    const inDoubt = await beginStep(pg, step);
    await work(held.map((one) => (inDoubt.has(one.delivery.delivery_id) ? mayRepeat(one) : one)));
    await tx.query(
      `UPDATE held_deliveries SET released_at = $2, payload = '' WHERE delivery_id = ANY ($1::uuid[])`,
      [step.deliveryIds, timeOf(nowMs)],
    );
    await endStep(tx, step);
    const pauseMs = take.rate_per_s === null ? 0 : (held.length / take.rate_per_s) * 1000;
    // From the time that was set rather than from now: what one round is late, the next makes up for, up to a point.
    await tx.query(
      `UPDATE releases SET next_at = greatest(next_at, $2) + $3 * interval '1 millisecond' WHERE subscription_id = $1`,
      [take.subscription_id, timeOf(nowMs - LONGEST_CREDIT_MS), pauseMs],
    );
    return held.length;
  });
}

/** False when somebody else has it, or its time has not come. */
async function lockRelease(tx: Queryable, take: ReleaseTake, nowMs: number): Promise<boolean> {
  const { count } = await tx.query(
    `SELECT 1 FROM releases WHERE subscription_id = $1 AND (next_at <= $2 OR $3) FOR UPDATE SKIP LOCKED`,
    [take.subscription_id, timeOf(nowMs), take.rate_per_s === null],
  );
  return count > 0;
}

async function oldestHeld(tx: Queryable, take: ReleaseTake): Promise<HeldDelivery[]> {
  const { rows } = await tx.query<HeldRow>(
    `WITH first AS (
       SELECT delivery_id, accepted_at, position, octet_length(payload) AS bytes FROM held_deliveries
       WHERE subscription_id = $1 AND released_at IS NULL ORDER BY accepted_at, position LIMIT $2),
     sized AS (
       SELECT delivery_id, sum(bytes) OVER (ORDER BY accepted_at, position) - bytes AS before FROM first)
     SELECT delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, payload,
       ${msTime('accepted_at')} AS accepted_at, attempt, may_repeat, replay_of, target_url, traceparent,
       ${msTime('resumed_at')} AS resumed_at, ${msTime('held_at')} AS held_at
     FROM held_deliveries WHERE released_at IS NULL AND delivery_id IN (SELECT delivery_id FROM sized WHERE before < $3)
     ORDER BY held_deliveries.accepted_at, position FOR UPDATE`,
    [take.subscription_id, take.limit, take.max_bytes],
  );
  return rows.map(({ held_at, ...row }) => ({ held_at, delivery: { ...row, due_at: null, deferrals: 0 } }));
}

function mayRepeat({ delivery, held_at }: HeldDelivery): HeldDelivery {
  return { delivery: { ...delivery, may_repeat: true }, held_at };
}
