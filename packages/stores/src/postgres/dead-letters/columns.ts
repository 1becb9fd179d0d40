import { msTime } from '../sql.ts';

/** Selects a DeadLetter as the port has it, without its payload. */
export const DEAD_LETTER_COLUMNS = `
  delivery_id, event_id, tenant_id, subscription_id, event_type, content_type, ${msTime('accepted_at')} AS accepted_at,
  replay_of, target_url, traceparent, status, reason, attempts, ${msTime('dead_lettered_at')} AS dead_lettered_at`;
