/** Where a delivery was to go instead of to its subscription's own URL: a retry goes there, a replay passes it over. */
export const deadLetterTargets = {
  name: '011-dead-letter-targets',
  sql: `
    ALTER TABLE dead_letters ADD COLUMN target_url text;
  `,
};
