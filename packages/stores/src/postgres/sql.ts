/** RFC 3339 UTC with milliseconds, as Subscription has its times. */
export const isoTime = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Milliseconds since the epoch as a JavaScript number. */
export const msTime = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

/** A parameter for a timestamptz column from ms since the epoch. */
export const timeOf = (ms: number): string => new Date(ms).toISOString();
export const timeOrNull = (ms: number | null): string | null => (ms === null ? null : timeOf(ms));
