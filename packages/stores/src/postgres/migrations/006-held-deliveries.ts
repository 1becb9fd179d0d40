/**
 * No foreign keys: what is held outlives its subscription until it is ended as cancelled. A row stays for some days
 * after it was released, without its payload, so that a repeated record of the same hold is recognised. `resumed_at`
 * tells the holds of one delivery apart: it is the release before this hold. `position`: the order of arrival, for
 * deliveries accepted in the same millisecond.
 */
export const heldDeliveries = {
  name: '006-held-deliveries',
  sql: `
    ALTER TABLE subscriptions ADD COLUMN paused boolean NOT NULL DEFAULT false;

    CREATE TABLE held_deliveries (
      delivery_id uuid PRIMARY KEY,
      event_id uuid NOT NULL,
      tenant_id text NOT NULL,
      subscription_id uuid NOT NULL,
      event_type text,
      content_type text NOT NULL,
      payload bytea NOT NULL,
      accepted_at timestamptz(3) NOT NULL,
      attempt integer NOT NULL,
      may_repeat boolean NOT NULL,
      replay_of uuid,
      target_url text,
      traceparent text,
      resumed_at timestamptz(3),
      held_at timestamptz(3) NOT NULL,
      released_at timestamptz(3),
      position bigint GENERATED ALWAYS AS IDENTITY
    );
    CREATE INDEX held_deliveries_waiting ON held_deliveries (subscription_id, accepted_at, position)
      WHERE released_at IS NULL;
    CREATE INDEX held_deliveries_released ON held_deliveries (released_at) WHERE released_at IS NOT NULL;

    -- How fast a subscription's held deliveries are released, and from when on the next may be. No row: the default, now.
    CREATE TABLE releases (
      subscription_id uuid PRIMARY KEY,
      tenant_id text NOT NULL,
      rate_per_s double precision,
      next_at timestamptz(3) NOT NULL
    );
  `,
};
