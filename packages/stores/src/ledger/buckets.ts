/**
 * Both stores sort ids into buckets by the same bits: of a UUIDv7 (RFC 9562, section 5.7) the twelve after the variant
 * are random, as are the last 48.
 */
export const LEDGER_BUCKETS = 4096;
export const TAIL_BITS = 48;
