/**
 * Durable jobs. `cursor_*`: everything up to there is done. `batch_*`: the batch that was begun last and is not known to
 * be done; with its time, from which the ids of its deliveries follow. tenant_id null: of every tenant.
 */
export const replays = {
  name: '007-replays',
  sql: `
    CREATE TABLE replays (
      id uuid PRIMARY KEY,
      tenant_id text,
      filter jsonb NOT NULL,
      target_url text,
      rate_per_s double precision NOT NULL,
      state text NOT NULL CHECK (state IN ('planned', 'running', 'paused', 'done', 'cancelled', 'failed')),
      total bigint NOT NULL,
      done bigint NOT NULL DEFAULT 0,
      failed bigint NOT NULL DEFAULT 0,
      observed_rate double precision,
      error text,
      cursor_at timestamptz(3),
      cursor_id uuid,
      batch_at timestamptz(3),
      batch_end_at timestamptz(3),
      batch_end_id uuid,
      lease_owner uuid,
      leased_until timestamptz(3),
      created_at timestamptz(3) NOT NULL,
      started_at timestamptz(3),
      finished_at timestamptz(3)
    );
    CREATE INDEX replays_newest ON replays (created_at, id);
    CREATE INDEX replays_running ON replays (created_at, id) WHERE state = 'running';
  `,
};
