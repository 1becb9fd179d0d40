import { apiKeys } from './002-api-keys.ts';
import { apiKeyRevocation } from './005-api-key-revocation.ts';
import { deadLetters } from './004-dead-letters.ts';
import { deadLetterTargets } from './011-dead-letter-targets.ts';
import { heldDeliveries } from './006-held-deliveries.ts';
import { replays } from './007-replays.ts';
import { operatorNotices } from './008-operator-notices.ts';
import { formerSubscriptions } from './009-former-subscriptions.ts';
import { releaseSteps } from './010-release-steps.ts';
import { deadLetterLists } from './012-dead-letter-lists.ts';
import { heldDeliveriesByEvent } from './015-held-deliveries-by-event.ts';
import { idempotencyKeys } from './003-idempotency-keys.ts';
import { subscriptions } from './001-subscriptions.ts';

/** One step of the schema. Once released it is never changed; the next step corrects it. */
export interface NamedMigration {
  name: string;
  sql: string;
}

/** In the order in which they run. Forward only. */
export const MIGRATIONS: readonly NamedMigration[] = [
  subscriptions,
  apiKeys,
  idempotencyKeys,
  deadLetters,
  apiKeyRevocation,
  heldDeliveries,
  replays,
  operatorNotices,
  formerSubscriptions,
  releaseSteps,
  deadLetterTargets,
  ...deadLetterLists,
  heldDeliveriesByEvent,
];
