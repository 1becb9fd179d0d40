/**
 * Lists by status: most letters are closed, so few of one status among many of another must not be looked for row by row.
 * Of one subscription, `dead_letters_open` has those that are open; it has no status, so a replay reads it in its order.
 */
export const deadLetterLists = {
  name: '012-dead-letter-lists',
  sql: `
    CREATE INDEX dead_letters_by_status ON dead_letters (status, dead_lettered_at, delivery_id);
    CREATE INDEX dead_letters_of_tenant_by_status ON dead_letters (tenant_id, status, dead_lettered_at, delivery_id);
    CREATE INDEX dead_letters_closed ON dead_letters (subscription_id, status, dead_lettered_at, delivery_id)
      WHERE status <> 'open';
  `,
};
