/** Held deliveries a second, when nobody says otherwise: what an endpoint with the default limits takes in order. */
export const DEFAULT_RELEASE_RATE = 100;
/** A release begins this long after its pause ended, when workers have heard of that; one that has not holds again. */
export const RESUME_GRACE_MS = 1000;
