/**
 * `told_since`: the operator was told that the subscription fails, since then; null = not told, or told that it
 * recovered. `operator_notices`: disabled subscriptions the operator is still to be told of; rows live for seconds.
 */
export const operatorNotices = {
  name: '008-operator-notices',
  sql: `
    ALTER TABLE subscription_health ADD COLUMN told_since timestamptz(3);
    CREATE INDEX subscription_health_to_tell ON subscription_health (failing_since)
      WHERE told_since IS NULL AND health <> 'healthy';
    CREATE INDEX subscription_health_told ON subscription_health (changed_at) WHERE told_since IS NOT NULL;

    CREATE TABLE operator_notices (
      id uuid PRIMARY KEY,
      subscription_id uuid NOT NULL,
      tenant_id text NOT NULL,
      target_url text NOT NULL,
      reason text NOT NULL,
      failing_since timestamptz(3),
      disabled_at timestamptz(3) NOT NULL
    );
  `,
};
