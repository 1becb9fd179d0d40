import { isoTime } from '../sql.ts';

/** Selects a Subscription as the domain has it, from `subscriptions s` joined with `subscription_health h`. */
export const SUBSCRIPTION_COLUMNS = `
  s.id, s.tenant_id, s.target_url, s.event_types, s.description, s.enabled, s.paused, s.disabled_reason, s.headers,
  s.timeout_ms, s.max_in_flight, s.rate_limit_per_s, s.ingest_limit_per_s, s.retry_delays, s.metadata, s.version,
  EXISTS (SELECT 1 FROM subscription_secrets c WHERE c.subscription_id = s.id AND c.expires_at IS NULL) AS has_secret,
  CASE WHEN s.enabled THEN coalesce(h.health, 'healthy') ELSE 'disabled' END AS health,
  ${isoTime('h.failing_since')} AS failing_since,
  ${isoTime('s.created_at')} AS created_at,
  ${isoTime('s.updated_at')} AS updated_at`;

export const SUBSCRIPTION_TABLES =
  'subscriptions s LEFT JOIN subscription_health h ON h.subscription_id = s.id';
