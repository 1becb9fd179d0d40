/**
 * What a subscription sent with, up to and with a version: attempts name the version they went by. Without the values of
 * headers that hold credentials. No foreign key: attempts outlive their subscription.
 */
export const formerSubscriptions = {
  name: '009-former-subscriptions',
  sql: `
    CREATE TABLE former_subscriptions (
      subscription_id uuid NOT NULL,
      until_version integer NOT NULL,
      tenant_id text NOT NULL,
      target_url text NOT NULL,
      headers jsonb NOT NULL,
      has_secret boolean NOT NULL,
      replaced_at timestamptz(3) NOT NULL,
      PRIMARY KEY (subscription_id, until_version)
    );
    CREATE INDEX former_subscriptions_oldest ON former_subscriptions (replaced_at);
  `,
};
