import { systemClock, type Clock } from './clock.ts';

/** Something the process depends on. `check` rejects with the reason when it can't be used now. */
export interface ReadyCheck {
  name: string;
  /** Without it the process takes no work: the report says `unavailable`. Otherwise it says `degraded`. */
  required: boolean;
  check(): Promise<void>;
}

export interface CheckResult {
  name: string;
  status: 'up' | 'down';
  required: boolean;
  latency_ms: number;
  error?: string;
}

/** `stopping`: the process was told to stop; the checks are not made any more. Only `ready` and `degraded` take work. */
export interface ReadyReport {
  status: 'ready' | 'degraded' | 'unavailable' | 'stopping';
  checks: CheckResult[];
}

export interface Readiness {
  report(): Promise<ReadyReport>;
  /** From now on the report says `stopping`, so that load balancers look elsewhere before connections are closed. */
  drop(): void;
}

/** Whether work may be sent here: the answer 200, otherwise 503. */
export function takesWork(report: ReadyReport): boolean {
  return report.status === 'ready' || report.status === 'degraded';
}

/** All checks run at once; one that takes longer than `timeoutMs` (default 2 s) counts as down. Never rejects. */
export function createReadiness(
  checks: readonly ReadyCheck[],
  options: { timeoutMs?: number; clock?: Clock } = {},
): Readiness {
  const { timeoutMs = 2000, clock = systemClock } = options;
  let stopping = false;

  const run = async (check: ReadyCheck): Promise<CheckResult> => {
    const startedAt = clock.now();
    const result = { name: check.name, required: check.required };
    try {
      await withTimeout(clock, timeoutMs, check.check());
      return { ...result, status: 'up', latency_ms: clock.now() - startedAt };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { ...result, status: 'down', latency_ms: clock.now() - startedAt, error: reason };
    }
  };

  return {
    report: async () => {
      if (stopping) return { status: 'stopping', checks: [] };
      const results = await Promise.all(checks.map(run));
      return { status: summary(results), checks: results };
    },
    drop: () => {
      stopping = true;
    },
  };
}

function summary(results: readonly CheckResult[]): ReadyReport['status'] {
  const down = results.filter((result) => result.status === 'down');
  if (down.some((result) => result.required)) return 'unavailable';
  return down.length > 0 ? 'degraded' : 'ready';
}

function withTimeout(clock: Clock, timeoutMs: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => {
      reject(new Error(`no answer within ${timeoutMs} ms`));
    });
    void work.then(resolve, reject).finally(cancel);
  });
}
