import type { SubscriptionInput } from '../../ports.ts';

type Writable = keyof SubscriptionInput | 'disabled_reason';

/** Every column a caller may set; a record, so that a new field of SubscriptionInput can't be forgotten here. */
const WRITABLE: Record<Writable, 'plain' | 'json'> = {
  target_url: 'plain',
  tenant_id: 'plain',
  event_types: 'plain',
  description: 'plain',
  enabled: 'plain',
  paused: 'plain',
  disabled_reason: 'plain',
  headers: 'json',
  timeout_ms: 'plain',
  max_in_flight: 'plain',
  rate_limit_per_s: 'plain',
  ingest_limit_per_s: 'plain',
  retry_delays: 'plain',
  metadata: 'json',
};

/** The given fields as column names and parameters; fields that are absent or undefined stay as they are. */
export function columnsOf(fields: Partial<Record<Writable, unknown>>): { column: string; value: unknown }[] {
  return Object.entries(WRITABLE)
    .filter(([column]) => fields[column as Writable] !== undefined)
    .map(([column, kind]) => {
      const value = fields[column as Writable];
      // pg would write a JavaScript object as JSON by itself, but an array as a Postgres array.
      return { column, value: kind === 'json' ? JSON.stringify(value) : value };
    });
}
