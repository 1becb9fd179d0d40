import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '@milena/runtime';
import { DirectoryTakenError } from './chdb-errors.ts';
import type { Report, Setup } from './clickhouse-process.ts';

/** One that was left behind by a killed process ends by itself, with its next turn at the latest. */
const TAKEN_FOR_MS = 5000;
/** Opening reads what is there of every part of every table. */
const START_TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** One that ran for as long did not die of what it did first. */
const STEADY_AFTER_MS = 60_000;
/** What still runs then is asked for by nobody: whoever inserts has stopped before. */
const STOP_TIMEOUT_MS = 1500;

export interface EmbeddedClickHouse {
  /** With user and password, as @clickhouse/client takes it. Never log it. */
  url: string;
  /** Waits for running queries, for a while, then ends the process. Calling it again is fine. */
  stop(): Promise<void>;
}

/**
 * ClickHouse's engine in a process of its own, behind its HTTP interface on a loopback port, so that the same client and
 * SQL serve here and against a server. When it dies it is started again at the same address. It runs in its own process
 * group: Ctrl-C reaches it through `stop`. When this process exits without a stop, it ends as well.
 * @throws Error when it doesn't come up; when another process has the directory, after five seconds
 */
export async function startEmbeddedClickHouse(options: {
  dataDir: string;
  /** A program that calls `runClickHouseProcess` and does nothing else. */
  program: string;
  logger: Logger;
  /** Ends a start that is under way; not looked at afterwards. */
  told?: AbortSignal;
}): Promise<EmbeddedClickHouse> {
  const { dataDir, program, logger, told } = options;
  const stopping = new AbortController();
  const job = { program, logger, signal: stopping.signal };
  // Made anew by each of our own starts, so that no other user of the machine can query.
  const password = randomBytes(24).toString('base64url');
  const abort = (): void => {
    stopping.abort();
  };
  told?.addEventListener('abort', abort);
  if (told?.aborted) abort();
  const first = await launchOnceFree({ ...job, setup: { dataDir, port: 0, password } }).finally(() => {
    told?.removeEventListener('abort', abort);
  });
  logger.info({ event: 'embedded_clickhouse.started', data_dir: dataDir, pid: first.pid });

  const setup = { dataDir, port: Number(new URL(first.url).port), password };
  // Rejects when it is stopped while it is about to start one again.
  const kept = keepUp({ ...job, setup }, first).catch(() => undefined);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await kept;
  };
  let stopped: Promise<void> | null = null;
  return { url: first.url, stop: () => (stopped ??= stop()) };
}

interface Launch {
  program: string;
  setup: Setup;
  logger: Logger;
  /** Ends what is launched, and what would be. */
  signal: AbortSignal;
}

interface Running {
  url: string;
  pid: number | undefined;
  /** Resolves with the code or the signal that it ended with. */
  ended: Promise<string>;
}

async function launchOnceFree(job: Launch): Promise<Running> {
  const deadline = performance.now() + TAKEN_FOR_MS;
  for (;;) {
    try {
      return await launch(job);
    } catch (error) {
      if (!(error instanceof DirectoryTakenError) || performance.now() > deadline) throw error;
      job.logger.warn({ event: 'embedded_clickhouse.waits_for_directory', err: error });
      await wait(FIRST_PAUSE_MS, undefined, { signal: job.signal });
    }
  }
}

/** Resolves, or rejects, when it is stopped and nothing runs any more. */
async function keepUp(job: Launch, first: Running): Promise<void> {
  const { logger, signal } = job;
  let pauseMs = FIRST_PAUSE_MS;
  for (let running: Running | null = first; ;) {
    const begun = performance.now();
    if (running !== null) {
      const cause = await running.ended;
      if (signal.aborted) return;
      logger.error({ event: 'embedded_clickhouse.died', pid: running.pid, cause });
      if (performance.now() - begun > STEADY_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
    }
    await wait(pauseMs, undefined, { signal });
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    running = await launch(job).catch((error: unknown) => {
      if (!signal.aborted) logger.error({ event: 'embedded_clickhouse.start_failed', err: error });
      return null;
    });
    if (running !== null && !signal.aborted)
      logger.warn({ event: 'embedded_clickhouse.restarted', pid: running.pid });
  }
}

async function launch({ program, setup, logger, signal }: Launch): Promise<Running> {
  signal.throwIfAborted();
  const child = fork(program, [], {
    detached: true,
    execArgv: ['--enable-source-maps'],
    serialization: 'advanced',
  });
  const kill = (): void => void child.kill('SIGKILL');
  const stop = (): void => {
    // One that is not up yet does not listen.
    if (child.connected) child.send('stop', () => undefined);
    stopTimer = setTimeout(() => {
      logger.warn({ event: 'embedded_clickhouse.killed', pid: child.pid });
      kill();
    }, STOP_TIMEOUT_MS);
  };
  let stopTimer: NodeJS.Timeout | undefined;
  signal.addEventListener('abort', stop);
  // A second signal and an uncaught exception are exits without a stop.
  process.once('exit', kill);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(String(error));
    });
    child.once('exit', (code, by) => {
      resolve(by ?? `exit code ${String(code)}`);
    });
  });
  void ended.then(() => {
    signal.removeEventListener('abort', stop);
    process.off('exit', kill);
    clearTimeout(stopTimer);
  });
  try {
    if (child.connected) child.send(setup, () => undefined);
    return { url: await startedUrl(child, ended, logger), pid: child.pid, ended };
  } catch (error) {
    kill();
    await ended;
    throw error;
  }
}

function startedUrl(child: ChildProcess, ended: Promise<string>, logger: Logger): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const fail = (reason: string, taken = false): void => {
      clearTimeout(limit);
      reject(new (taken ? DirectoryTakenError : Error)(`The embedded ClickHouse did not start: ${reason}`));
    };
    const limit = setTimeout(() => {
      fail(`not ready after ${START_TIMEOUT_MS} ms`);
    }, START_TIMEOUT_MS);
    child.on('message', (report: Report) => {
      if ('warning' in report) {
        logger.warn(report.warning);
        return;
      }
      clearTimeout(limit);
      if ('started' in report) resolve(report.started.url);
      else fail(report.failed.reason, report.failed.taken);
    });
    void ended.then((cause) => {
      fail(`it ended with ${cause}`);
    });
  });
}
