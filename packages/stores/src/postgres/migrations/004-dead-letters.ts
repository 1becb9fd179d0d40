/** No foreign key: a dead letter outlives its subscription. */
export const deadLetters = {
  name: '004-dead-letters',
  sql: `
    CREATE TABLE dead_letters (
      delivery_id uuid PRIMARY KEY,
      event_id uuid NOT NULL,
      tenant_id text NOT NULL,
      subscription_id uuid NOT NULL,
      event_type text,
      content_type text NOT NULL,
      payload bytea NOT NULL,
      accepted_at timestamptz(3) NOT NULL,
      replay_of uuid,
      traceparent text,
      status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'discarded')),
      reason text NOT NULL,
      attempts integer NOT NULL,
      dead_lettered_at timestamptz(3) NOT NULL
    );
    CREATE INDEX dead_letters_newest ON dead_letters (dead_lettered_at, delivery_id);
    CREATE INDEX dead_letters_of_tenant ON dead_letters (tenant_id, dead_lettered_at, delivery_id);
    CREATE INDEX dead_letters_of_subscription ON dead_letters (subscription_id, dead_lettered_at, delivery_id);
    CREATE INDEX dead_letters_open ON dead_letters (subscription_id, dead_lettered_at, delivery_id)
      WHERE status = 'open';
  `,
};
