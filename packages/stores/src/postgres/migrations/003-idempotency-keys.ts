/**
 * One partition a day (UTC), named idempotency_keys_YYYYMMDD, made and dropped by `maintain`. A row is held while it has
 * no answer; claimed_at null means that its holder gave it up. `json`, not `jsonb`: the answer is given again as it was. No tenant_id:
 * scope says whose it is, and a row lives for a day.
 */
export const idempotencyKeys = {
  name: '003-idempotency-keys',
  sql: `
    CREATE TABLE idempotency_keys (
      day date NOT NULL,
      scope text NOT NULL,
      key text NOT NULL,
      request_hash text NOT NULL,
      seed_id uuid NOT NULL,
      created_at timestamptz(3) NOT NULL,
      claimed_at timestamptz(3),
      answer json,
      PRIMARY KEY (scope, key, day)
    ) PARTITION BY RANGE (day);
  `,
};
