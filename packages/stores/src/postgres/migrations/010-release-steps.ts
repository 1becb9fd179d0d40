/**
 * Deliveries that a release has begun to append to the log. Written before, and taken out with the commit that marks them
 * released: what is found here without being released may be in the log already. Not a column of `releases`, whose row
 * is locked while a step lasts.
 */
export const releaseSteps = {
  name: '010-release-steps',
  sql: `
    CREATE TABLE release_steps (
      subscription_id uuid PRIMARY KEY,
      tenant_id text NOT NULL,
      delivery_ids uuid[] NOT NULL
    );
  `,
};
