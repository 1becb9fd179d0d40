/** Only the SHA-256 of a key is kept; prefix is for people to recognise it by. tenant_id null: every tenant. */
export const apiKeys = {
  name: '002-api-keys',
  sql: `
    CREATE TABLE api_keys (
      id uuid PRIMARY KEY,
      tenant_id text,
      name text NOT NULL,
      prefix text NOT NULL,
      hash bytea NOT NULL UNIQUE,
      scopes text[] NOT NULL,
      created_at timestamptz(3) NOT NULL,
      expires_at timestamptz(3)
    );
    CREATE INDEX api_keys_newest ON api_keys (created_at, id);
  `,
};
