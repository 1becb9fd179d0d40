import { EventEmitter } from 'node:events';
import type { Attempt, PostResult } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import CircuitBreaker from 'opossum';

/** An open breaker lets one attempt through this long after it opened. */
const BREAKER_RESET_MS = 10_000;
const WINDOW_MS = 10_000;
/** Few buckets: each costs memory per subscription and time per failure, and 2 s steps are fine enough for 10 s. */
const BUCKETS = 5;
export const BUCKET_MS = WINDOW_MS / BUCKETS;
/** The library's own reset timer runs on real time and would fire behind our clock's back; this is as good as never. */
const NEVER_MS = 2 ** 31 - 1;

export type BreakerState = Attempt['breaker_state'];
type Post = () => Promise<PostResult>;

/** One endpoint's breaker: opens when more than half of at least ten attempts within ten seconds failed. */
export interface Breaker {
  state(): BreakerState;
  /** True when an attempt may start now. While half-open that is so for one attempt at a time. */
  admits(): boolean;
  /** Claims what `admits` offered; true = the attempt is a half-open probe, to be followed by `run` or `giveBack`. */
  claim(): boolean;
  giveBack(): void;
  /** null: the breaker opened since the claim, nothing was sent. */
  run(post: Post): Promise<PostResult | null>;
  shutdown(): void;
}

export interface Breakers {
  create(): Breaker;
  /** Moves the window of every breaker by one bucket; to be called every `BUCKET_MS`. */
  rotate(): void;
}

/** Carries a failed result through the library, for which only a rejection is a failure. Never leaves this file. */
class EndpointFailed extends Error {
  readonly result: PostResult;
  constructor(result: PostResult) {
    super(result.error_detail);
    this.result = result;
  }
}

/**
 * Whether a result speaks against the endpoint as a whole. A plain 4xx does not: the endpoint is up and answers, it
 * only will not have this delivery, and the next one may be welcome. 408, 425 and 429 ask for time, which an open
 * breaker gives.
 */
export function speaksAgainstEndpoint(
  result: Pick<PostResult, 'ok' | 'http_status' | 'error_kind'>,
): boolean {
  if (result.ok) return false;
  const { http_status: status, error_kind: kind } = result;
  const refusal = kind === 'http_status' && status !== null && status >= 400 && status <= 499;
  return !refusal || status === 408 || status === 425 || status === 429;
}

async function guarded(post: Post): Promise<PostResult> {
  const result = await post();
  if (speaksAgainstEndpoint(result)) throw new EndpointFailed(result);
  return result;
}

type Circuit = CircuitBreaker<[Post], PostResult>;

/** Breakers that share one bucket clock instead of a timer each. */
export function createBreakers(clock: Clock): Breakers {
  const buckets = new EventEmitter().setMaxListeners(0);
  return { create: () => createBreaker(clock, buckets), rotate: () => buckets.emit('rotate') };
}

function createCircuit(buckets: EventEmitter, halfOpen: boolean): Circuit {
  return new CircuitBreaker<[Post], PostResult>(guarded, {
    name: 'endpoint',
    timeout: false,
    resetTimeout: NEVER_MS,
    volumeThreshold: 10,
    errorThresholdPercentage: 50,
    rollingCountTimeout: WINDOW_MS,
    rollingCountBuckets: BUCKETS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: buckets,
    ...(halfOpen && { state: { enabled: true, closed: false, halfOpen: true } }),
  });
}

function createBreaker(clock: Clock, buckets: EventEmitter): Breaker {
  let reopensAt = 0;
  let probing = false;
  let current = watched(false);

  function watched(halfOpen: boolean): Circuit {
    return createCircuit(buckets, halfOpen).on('open', () => {
      reopensAt = clock.now() + BREAKER_RESET_MS;
    });
  }

  /**
   * Nobody waits for the reset: whoever asks first after its time finds the breaker half-open. The library has no call
   * for that, but takes a half-open state at birth; attempts still under way end in the retired circuit and can't pass
   * for the probe.
   */
  function refresh(): void {
    if (!current.opened || clock.now() < reopensAt) return;
    current.shutdown();
    current = watched(true);
    probing = false;
  }

  return {
    state: () => {
      refresh();
      if (current.opened) return 'open';
      return current.halfOpen ? 'half_open' : 'closed';
    },
    admits: () => {
      refresh();
      return current.closed || (current.halfOpen && !probing);
    },
    claim: () => {
      probing = current.halfOpen;
      return probing;
    },
    giveBack: () => {
      probing = false;
    },
    run: async (post) => {
      try {
        return await current.fire(post);
      } catch (error) {
        if (error instanceof EndpointFailed) return error.result;
        if (error instanceof Error && CircuitBreaker.isOurError(error)) return null;
        throw error;
      }
    },
    shutdown: () => {
      current.shutdown();
    },
  };
}
