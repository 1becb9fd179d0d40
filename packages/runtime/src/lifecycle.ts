import { systemClock, type Clock } from './clock.ts';
import { OperatorError } from './config.ts';
import type { Logger } from './logger.ts';
import type { Readiness } from './ready.ts';

/** Something that runs as long as the process does. */
export interface ProcessPart {
  name: string;
  /** `told` is aborted when the process is told to stop meanwhile: a start that waits for something then rejects. */
  start(told: AbortSignal): Promise<unknown>;
  /** `deadlineMs`: how long it may wait for what is under way. Called once, and only after `start` resolved. */
  stop(deadlineMs: number): Promise<unknown>;
}

export interface ProcessPlan {
  logger: Logger;
  /** Started in this order, stopped in reverse: each may rely on those before it. */
  parts: readonly ProcessPart[];
  /** How long all stops together may wait for what is under way. */
  drainTimeoutMs: number;
  /** Dropped before the first part stops. */
  readiness?: Pick<Readiness, 'drop'>;
  clock?: Clock;
  /** Called when every part runs. */
  onStarted?(): void;
  /** The work is done once every part has started: nothing is waited for. */
  endsWhenStarted?: boolean;
}

/** What the runner needs of the process; `processHooks(process)` in a main.ts. */
export interface ProcessHooks {
  exit(code: number): void;
  onSignal(listener: (signal: string) => void): void;
  /** Uncaught exceptions and unhandled rejections. */
  onFault(listener: (error: unknown, origin: string) => void): void;
  printError(text: string): void;
}

/** What letting go may take after a drain was cut off, before the process is ended all the same. */
const LETTING_GO_MS = 2000;

/**
 * Signals within this time of the first are the same request: one to a whole process group also comes from a parent that
 * passes it on.
 */
const SAME_REQUEST_MS = 1000;

/** The real process, as main.ts hands it in: nothing else may end it. */
export function processHooks(host: Pick<NodeJS.Process, 'on' | 'exit' | 'stdout' | 'stderr'>): ProcessHooks {
  // Nobody may be listening any more, which ends nothing.
  for (const stream of [host.stdout, host.stderr]) stream.on('error', () => undefined);
  return {
    exit: (code) => host.exit(code),
    onSignal: (listener) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) host.on(signal, listener);
    },
    onFault: (listener) => {
      host.on('uncaughtException', listener);
      host.on('unhandledRejection', (reason) => {
        listener(reason, 'unhandledRejection');
      });
    },
    printError: (text) => {
      host.stderr.write(`${text}\n`);
    },
  };
}

/**
 * Runs a process from start to exit: starts the parts, waits for SIGTERM, SIGINT or SIGHUP (its terminal was closed), drops
 * readiness, stops the parts in reverse. Exit code 0 after a clean stop; 1 when a part failed to start or to stop, when the
 * stop took too long, on a signal a second or more after the first, and at once on an uncaught exception. An OperatorError
 * (a wrong setting) is printed without a stack.
 *
 * @param plan the parts, or a function that reads the configuration and makes them; what it throws is a failed start
 * @returns after `exit` was called; never rejects
 */
export async function runProcess(
  plan: ProcessPlan | (() => ProcessPlan | Promise<ProcessPlan>),
  hooks: ProcessHooks,
): Promise<void> {
  // The first stack of a process reads its source map, some 10 ms: now, not when the first endpoint fails.
  String(new Error().stack);
  const stopRequest = listenForStop(hooks);
  let ready: ProcessPlan;
  try {
    ready = typeof plan === 'function' ? await plan() : plan;
  } catch (error) {
    reportFailedStart(hooks, null, error, null);
    hooks.exit(1);
    return;
  }
  stopRequest.use(ready);

  const started: ProcessPart[] = [];
  for (const part of ready.parts) {
    if (stopRequest.came()) break;
    try {
      await part.start(stopRequest.signal);
      started.push(part);
    } catch (error) {
      if (stopRequest.came()) break;
      reportFailedStart(hooks, part.name, error, ready.logger);
      await stopParts(started, ready);
      hooks.exit(1);
      return;
    }
  }
  if (!stopRequest.came()) ready.onStarted?.();
  if (!ready.endsWhenStarted) await stopRequest.wait;
  const errors = await stopParts(started, ready);
  hooks.exit(errors.length === 0 ? 0 : 1);
}

/** Turns signals and faults into one request to stop, or into an exit at once. */
function listenForStop(hooks: ProcessHooks) {
  let plan: ProcessPlan | null = null;
  let sameRequest = false;
  const told = new AbortController();
  const wait = new Promise<void>((resolve) => {
    told.signal.addEventListener('abort', () => {
      resolve();
    });
  });

  hooks.onFault((error, origin) => {
    if (plan) plan.logger.fatal({ event: 'process.fault', origin, err: error });
    else hooks.printError(describe(error));
    hooks.exit(1);
  });
  hooks.onSignal((signal) => {
    if (sameRequest) return;
    if (told.signal.aborted) {
      plan?.logger.warn({ event: 'process.killed', signal, reason: 'second signal' });
      hooks.exit(1);
      return;
    }
    sameRequest = true;
    (plan?.clock ?? systemClock).after(SAME_REQUEST_MS, () => {
      sameRequest = false;
    });
    plan?.logger.info({ event: 'process.stopping', signal });
    plan?.readiness?.drop();
    told.abort();
  });
  return {
    wait,
    signal: told.signal,
    came: () => told.signal.aborted,
    use: (made: ProcessPlan) => {
      plan = made;
    },
  };
}

/** Stops in reverse order; a stop that fails or hangs does not keep the others from theirs. */
async function stopParts(started: readonly ProcessPart[], plan: ProcessPlan): Promise<Error[]> {
  const { logger, drainTimeoutMs, clock = systemClock } = plan;
  const deadline = clock.now() + drainTimeoutMs;
  const errors: Error[] = [];
  for (const part of started.toReversed()) {
    const remainingMs = Math.max(0, deadline - clock.now());
    try {
      await withLimit(clock, remainingMs + LETTING_GO_MS, part.stop(remainingMs));
    } catch (error) {
      errors.push(new Error(`${part.name}: ${describe(error)}`, { cause: error }));
    }
  }
  if (errors.length > 0) {
    logger.error({
      event: 'process.stop_failed',
      err: new AggregateError(errors, errors.map(describe).join('; ')),
    });
  } else {
    logger.info({ event: 'process.stopped' });
  }
  return errors;
}

function withLimit(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => {
      reject(new Error(`did not stop within ${limitMs} ms`));
    });
    void work
      .then(() => {
        resolve();
      }, reject)
      .finally(cancel);
  });
}

function reportFailedStart(
  hooks: ProcessHooks,
  part: string | null,
  error: unknown,
  logger: Logger | null,
): void {
  const where = part === null ? '' : ` (${part})`;
  if (error instanceof OperatorError) {
    hooks.printError(error.message);
    return;
  }
  hooks.printError(`Could not start${where}: ${describe(error)}`);
  if (logger) logger.fatal({ event: 'process.start_failed', part, err: error });
  else if (error instanceof Error && error.stack !== undefined) hooks.printError(error.stack);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
