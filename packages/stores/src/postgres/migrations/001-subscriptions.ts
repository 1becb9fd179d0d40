/** Subscriptions, their secrets and their health. Times have the API's precision, milliseconds. */
export const subscriptions = {
  name: '001-subscriptions',
  sql: `
    CREATE TABLE subscriptions (
      id uuid PRIMARY KEY,
      tenant_id text NOT NULL DEFAULT 'default',
      target_url text NOT NULL,
      event_types text[] NOT NULL DEFAULT '{}',
      description text,
      enabled boolean NOT NULL DEFAULT true,
      disabled_reason text,
      headers jsonb NOT NULL DEFAULT '{}',
      timeout_ms integer,
      max_in_flight integer,
      rate_limit_per_s double precision,
      ingest_limit_per_s double precision,
      retry_delays text[],
      metadata jsonb NOT NULL DEFAULT '{}',
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz(3) NOT NULL,
      updated_at timestamptz(3) NOT NULL
    );
    CREATE INDEX subscriptions_newest ON subscriptions (created_at, id);
    CREATE INDEX subscriptions_of_tenant ON subscriptions (tenant_id, created_at, id);
    CREATE INDEX subscriptions_event_types ON subscriptions USING gin (event_types);

    -- The current secret has no expires_at; one being rotated out has the end of its grace period.
    CREATE TABLE subscription_secrets (
      id uuid PRIMARY KEY,
      subscription_id uuid NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
      tenant_id text NOT NULL,
      key_id text NOT NULL,
      sealed bytea NOT NULL,
      created_at timestamptz(3) NOT NULL,
      expires_at timestamptz(3)
    );
    CREATE UNIQUE INDEX subscription_secrets_current ON subscription_secrets (subscription_id)
      WHERE expires_at IS NULL;
    CREATE INDEX subscription_secrets_of_subscription ON subscription_secrets (subscription_id);

    -- Apart from subscriptions, so that delivery workers never change a subscription's version. No row: healthy.
    CREATE TABLE subscription_health (
      subscription_id uuid PRIMARY KEY REFERENCES subscriptions ON DELETE CASCADE,
      tenant_id text NOT NULL,
      health text NOT NULL CHECK (health IN ('healthy', 'failing', 'open')),
      failing_since timestamptz(3),
      changed_at timestamptz(3) NOT NULL
    );

    -- No foreign key: rows are few, and leave by age.
    CREATE TABLE delivery_cancellations (
      delivery_id uuid PRIMARY KEY,
      subscription_id uuid NOT NULL,
      tenant_id text NOT NULL,
      cancelled_at timestamptz(3) NOT NULL
    );
    CREATE INDEX delivery_cancellations_of_subscription ON delivery_cancellations (subscription_id, cancelled_at);
    CREATE INDEX delivery_cancellations_oldest ON delivery_cancellations (cancelled_at);
  `,
};
