/** Revoked keys stay as rows: an installation that ever had a key is not to be open again because the last one went. */
export const apiKeyRevocation = {
  name: '005-api-key-revocation',
  sql: `
    ALTER TABLE api_keys ADD COLUMN revoked_at timestamptz(3);
    CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, created_at, id);
  `,
};
