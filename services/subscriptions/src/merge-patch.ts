import { subscriptionInputShape, type Subscription } from '@milena/domain';
import type { SubscriptionInput } from '@milena/stores';
import { z } from 'zod';
import { withCredentials } from './credential-headers.ts';
import { defined } from './defined.ts';
import { invalidBody, type PatchBody } from './subscription-body.ts';

const { headers, metadata } = subscriptionInputShape;
/** The maps after the merge: each entry may be right by itself and the whole still be too much. */
const mergedMaps = z.object({ headers: headers.optional(), metadata: metadata.optional() });

type TextMap = Record<string, string>;

/** RFC 7396 on a flat map; `sameKey` tells which entries a key of the patch stands for. */
function mergeMap(
  current: TextMap,
  patch: Record<string, string | null> | null,
  sameKey: (a: string, b: string) => boolean,
): TextMap {
  if (patch === null) return {};
  const untouched = Object.entries(current).filter(
    ([key]) => !Object.keys(patch).some((k) => sameKey(k, key)),
  );
  const set = Object.entries(patch).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries([...untouched, ...set]);
}

const exactly = (a: string, b: string): boolean => a === b;
/** Header names are the same in any case (RFC 9110 section 5.1). */
const asHeaders = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * The fields that a merge patch changes, with their new values.
 * @throws HttpProblem 422 when a merged map is not valid as a whole
 */
export function mergePatch(
  current: Subscription,
  patch: Omit<PatchBody, 'secret' | 'generate_secret'>,
): Partial<SubscriptionInput> {
  const { headers: headerPatch, metadata: metadataPatch } = patch;
  const maps = mergedMaps.safeParse(
    defined({
      headers:
        headerPatch === undefined
          ? undefined
          : mergeMap(
              current.headers,
              headerPatch && withCredentials(headerPatch, current.headers),
              asHeaders,
            ),
      metadata: metadataPatch === undefined ? undefined : mergeMap(current.metadata, metadataPatch, exactly),
    }),
  );
  if (!maps.success) {
    throw invalidBody(maps.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message })));
  }
  return defined({
    target_url: patch.target_url,
    event_types: patch.event_types === null ? [] : patch.event_types,
    description: patch.description,
    enabled: patch.enabled === null ? true : patch.enabled,
    paused: patch.paused === null ? false : patch.paused,
    headers: maps.data.headers,
    timeout_ms: patch.timeout_ms,
    max_in_flight: patch.max_in_flight,
    rate_limit_per_s: patch.rate_limit_per_s,
    ingest_limit_per_s: patch.ingest_limit_per_s,
    retry_delays: patch.retry_delays,
    metadata: maps.data.metadata,
  });
}
