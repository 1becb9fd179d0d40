/**
 * Lists by status: most letters are closed, so few of one status among many of another must not be looked for row by row.
 * Of one subscription, `dead_letters_open` has those that are open; it has no status, so a replay reads it in its order.
 *
 * One step each: while an index is built nobody can write to the table, and each is over within a statement's time.
 */
export const deadLetterLists = [
  {
    name: '012-dead-letters-by-status',
    sql: 'CREATE INDEX dead_letters_by_status ON dead_letters (status, dead_lettered_at, delivery_id)',
  },
  {
    name: '013-dead-letters-of-tenant-by-status',
    sql: `CREATE INDEX dead_letters_of_tenant_by_status
      ON dead_letters (tenant_id, status, dead_lettered_at, delivery_id)`,
  },
  {
    name: '014-dead-letters-closed',
    sql: `CREATE INDEX dead_letters_closed ON dead_letters (subscription_id, status, dead_lettered_at, delivery_id)
      WHERE status <> 'open'`,
  },
];
