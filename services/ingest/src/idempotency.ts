import { HttpProblem } from '@milena/http';
import { createMicroBatcher, sleep, type Clock, type Logger } from '@milena/runtime';
import type { ClaimResult, IdempotencyClaim, IdempotencySeed, IdempotencyStore } from '@milena/stores';

/** How long a request waits for another process that holds its key. */
const WAIT_MS = 5000;
const FIRST_POLL_MS = 50;
const SLOWEST_POLL_MS = 500;
/** Claims in one round trip to the store, and waiting for one. */
const MAX_BATCH = 500;
const MAX_BACKLOG = 20_000;

export interface Answered<Answer> {
  answer: Answer;
  /** True when an earlier request with this key did the work. */
  replayed: boolean;
}

/**
 * Does `work` once per key and gives its answer to everybody who asks with the same key and the same request. Work that
 * fails leaves the key free.
 * @throws HttpProblem 422 when the key came with another request, 503 when its holder takes too long; and what `work` throws
 */
export type Once<Answer> = (
  claim: IdempotencyClaim,
  work: (seed: IdempotencySeed) => Promise<Answer>,
) => Promise<Answered<Answer>>;

type Key = Pick<IdempotencyClaim, 'scope' | 'key'>;

function conflict(): HttpProblem {
  return new HttpProblem(422, 'idempotency-conflict', 'This idempotency key was used with another request.');
}

function stillBusy(): HttpProblem {
  const detail = 'Another request with this idempotency key is still under way.';
  return new HttpProblem(503, 'idempotency-busy', detail, { headers: { 'retry-after': '1' } });
}

interface Deps {
  store: Pick<IdempotencyStore, 'claim' | 'complete' | 'release'>;
  clock: Clock;
  logger: Logger;
}

/** The store with its round trips shared by all requests, on one connection at a time for each verb. */
function shareRoundTrips<Answer>(store: Deps['store']) {
  const bounds = { weigh: () => 1, maxBatchWeight: MAX_BATCH, maxBacklogWeight: MAX_BACKLOG };
  const claims = createMicroBatcher<IdempotencyClaim, ClaimResult<Answer>>({
    ...bounds,
    run: (batch) => store.claim<Answer>(batch),
  });
  const completions = createMicroBatcher<Key & { answer: Answer }, undefined>({
    ...bounds,
    run: async (batch) => {
      await store.complete(batch);
      return batch.map(() => undefined);
    },
  });
  const releases = createMicroBatcher<Key, undefined>({
    ...bounds,
    run: async (batch) => {
      await store.release(batch);
      return batch.map(() => undefined);
    },
  });
  return { claims, completions, releases };
}

/** Claims a key and does the work; `busy` holders are waited for. */
function createPerform<Answer>({ store, clock, logger }: Deps): Once<Answer> {
  const { claims, completions, releases } = shareRoundTrips<Answer>(store);

  async function claimWhenFree(claim: IdempotencyClaim): Promise<ClaimResult<Answer>> {
    const giveUpAt = clock.now() + WAIT_MS;
    for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 2, SLOWEST_POLL_MS)) {
      const result = await claims.submit(claim);
      if (result.kind !== 'busy' || clock.now() + wait > giveUpAt) return result;
      await sleep(clock, wait);
    }
  }

  /** What is not noted now is done again with the same ids after the claim's ten seconds; the work itself stands. */
  async function note(what: string, done: Promise<unknown>, { scope, key }: Key): Promise<void> {
    await done.catch((error: unknown) => {
      logger.warn({ event: `idempotency.${what}_failed`, scope, key, err: error });
    });
  }

  return async ({ scope, key, request_hash }, work) => {
    const claimed = await claimWhenFree({ scope, key, request_hash });
    if (claimed.kind === 'replayed') return { answer: claimed.answer, replayed: true };
    if (claimed.kind === 'conflict') throw conflict();
    if (claimed.kind === 'busy') throw stillBusy();
    let answer: Answer;
    try {
      answer = await work(claimed);
    } catch (error) {
      await note('release', releases.submit({ scope, key }), { scope, key });
      throw error;
    }
    await note('complete', completions.submit({ scope, key, answer }), { scope, key });
    return { answer, replayed: false };
  };
}

export function createOnce<Answer>(deps: Deps): Once<Answer> {
  const perform = createPerform<Answer>(deps);
  // Requests of this process with one key wait here for the first of them, not in the store.
  const underWay = new Map<string, { request_hash: string; outcome: Promise<Answered<Answer>> }>();

  return async (claim, work) => {
    const id = `${claim.scope}\n${claim.key}`;
    const first = underWay.get(id);
    if (first) {
      if (first.request_hash !== claim.request_hash) throw conflict();
      const { answer } = await first.outcome;
      return { answer, replayed: true };
    }
    const outcome = perform(claim, work);
    underWay.set(id, { request_hash: claim.request_hash, outcome });
    try {
      return await outcome;
    } finally {
      underWay.delete(id);
    }
  };
}
