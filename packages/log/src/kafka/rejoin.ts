import { within } from './clients.ts';
import type { Committer } from './committer.ts';
import type { Holding } from './holding.ts';
import { quiesce } from './quiesce.ts';

/** What the group waits for our commits before a share-out. */
const COMMITS_MS = 1_000;
/**
 * From the announcement. Longer than all that we do ourselves, and most share-outs are over by then. Some wait until a
 * dead member's session is; and when its request to join fails, kafkajs may go on as the member that it was.
 */
const PATIENCE_MS = 5_000;

/** What a member does before it joins again. */
export interface Rejoin {
  /**
   * Suspends what is held, gives what is under way its time, and commits it. Never rejects. What is suspended goes on
   * after five seconds, if nothing ends this before.
   */
  prepare(): Promise<void>;
  /** We have joined, or are no member any more. What is suspended stays so. */
  over(): void;
}

export function createRejoin(deps: {
  holding: Pick<Holding, 'suspend' | 'underWay'>;
  committer: Pick<Committer, 'flush'>;
  patienceMs?: number;
}): Rejoin {
  const { holding, committer, patienceMs = PATIENCE_MS } = deps;
  let preparing: Promise<void> | null = null;
  let patience: NodeJS.Timeout | undefined;

  const prepare = async (): Promise<void> => {
    holding.suspend(true);
    clearTimeout(patience);
    patience = setTimeout(() => {
      holding.suspend(false);
    }, patienceMs).unref();
    await quiesce(() => holding.underWay());
    await within(COMMITS_MS, committer.flush()).catch(() => undefined);
  };
  return {
    prepare: () =>
      (preparing ??= prepare().finally(() => {
        preparing = null;
      })),
    over: () => {
      clearTimeout(patience);
    },
  };
}
