/** How long a value may be shared, counted from before it was read: a change that nobody was told of shows after this. */
export const SHARED_TTL_MS = 60_000;

/**
 * How long Redis remembers that something changed. At least as long as a value that was read before the change may be
 * shared; twice that, so that clocks of processes may differ by up to `SHARED_TTL_MS`.
 */
export const MARK_TTL_MS = 2 * SHARED_TTL_MS;

/**
 * Of the shape of what is shared: LiveSubscription, and what `shared-values.ts` puts around it. Grows when that shape
 * changes, so that no release reads what another wrote; the test `shape.test.ts` notices.
 */
export const SHAPE_VERSION = 3;

export type SharedKind = 'subscription' | 'tenant';

export function valueKey(prefix: string, kind: SharedKind, id: string): string {
  return `${prefix}:${kind}:v${SHAPE_VERSION}:${id}`;
}

/** The same in every release: a change made by one makes the others' values worthless too. */
export function markKey(prefix: string, kind: SharedKind, id: string): string {
  return `${prefix}:changed-${kind}:${id}`;
}
