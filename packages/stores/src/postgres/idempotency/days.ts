export const DAY_MS = 24 * 3_600_000;

/** Advisory locks: any numbers, as long as every version uses the same. */
export const MAINTENANCE_LOCK = 7_216_402;
export const MIDNIGHT_LOCK = 7_216_403;

/** The UTC day of a time in ms since the epoch, YYYY-MM-DD. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
