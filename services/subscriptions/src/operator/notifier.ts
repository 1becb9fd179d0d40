import {
  encodeDelivery,
  noticeDelivery,
  OPERATOR_SUBSCRIPTION_ID,
  OPERATOR_TENANT,
  type SubscriptionNotice,
} from '@milena/domain';
import { DELIVERIES } from '@milena/log';
import { createRounds, type Rounds } from '@milena/runtime';
import type { NoticeTake } from '@milena/stores';
import type { SubscriptionsDeps } from '../deps.ts';
import { forget } from '../forget.ts';

/** Between two looks, and after a failure. */
const LOOK_MS = 2000;
const FAILED_MS = 5000;
/**
 * An endpoint that fails now and then and is well in between is told about once: by default three attempts lie within
 * this minute, and whoever fails again within half a minute has not recovered.
 */
const TAKE: NoticeTake = { failing_for_ms: 60_000, healthy_for_ms: 30_000, limit: 100 };

type NotifierDeps = Pick<SubscriptionsDeps, 'operator' | 'log' | 'directory' | 'clock' | 'logger'> & {
  config: Pick<SubscriptionsDeps['config'], 'operatorEndpoint'>;
};

/**
 * Keeps the operator's subscription as the settings say and makes events of what became of subscriptions: they are read
 * from the store, where the delivery workers write health anyway, so a spell is told of once whichever workers and
 * processes saw it. Any number of processes may do this at once. Without an endpoint it only sees that there is no such
 * subscription, and ends.
 */
export function createNotifier(deps: NotifierDeps): Rounds {
  const { clock, logger, config } = deps;
  let kept = false;

  return createRounds(clock, async () => {
    try {
      if (!kept) await keep(deps);
      kept = true;
      if (config.operatorEndpoint === null) return null;
      return (await tell(deps)) < TAKE.limit ? LOOK_MS : 0;
    } catch (error) {
      logger.error({ event: 'operator.not_told', err: error });
      return FAILED_MS;
    }
  });
}

async function keep({ operator, directory, logger, config }: NotifierDeps): Promise<void> {
  const { operatorEndpoint } = config;
  if (!(await operator.keep(operatorEndpoint))) return;
  await forget(directory, { id: OPERATOR_SUBSCRIPTION_ID, tenant_id: OPERATOR_TENANT }, logger);
  logger.info({ event: operatorEndpoint === null ? 'operator.removed' : 'operator.changed' });
}

function tell({ operator, log, clock, logger }: NotifierDeps): Promise<number> {
  return operator.take(TAKE, async (notices) => {
    const now = clock.now();
    const told = notices.map((notice) => ({ notice, delivery: noticeDelivery(notice, now) }));
    await log.append(told.map(({ delivery }) => ({ topic: DELIVERIES, ...encodeDelivery(delivery) })));
    for (const { notice, delivery } of told) logger.info(lineOf(notice, delivery.event_id));
  });
}

function lineOf({ type, subscription_id, tenant_id }: SubscriptionNotice, eventId: string) {
  return { event: 'operator.told', type, event_id: eventId, subscription_id, tenant_id };
}
