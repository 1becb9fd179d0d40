import type { Logger } from '@milena/runtime';
import { DirectoryTakenError } from './chdb-errors.ts';
import { startChdbServer } from './chdb.ts';
import { endOnFatalSignals, endWithParent, giveWay } from './libc.ts';

/** What the process is told first; the second message, whatever it is, tells it to stop. */
export interface Setup {
  dataDir: string;
  /** 0: any free one. */
  port: number;
  password: string;
}

/** What it reports. */
export type Report =
  { started: { url: string } } | { failed: { reason: string; taken: boolean } } | { warning: object };

/**
 * ClickHouse's engine as a process of its own: all that a program does that `startEmbeddedClickHouse` forks. It gives way
 * to other processes. When the one that forked it is gone it ends as it is, for the next one needs the directory.
 */
export function runClickHouseProcess(): void {
  // They come to a whole process group, or to all that a supervisor has started. Who forked it says when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
  process.on('uncaughtException', (error) => {
    process.stderr.write(`The embedded ClickHouse failed: ${error.stack ?? String(error)}\n`, end);
    // Nobody may read it.
    setTimeout(end, 1000);
  });
  process.once('disconnect', end);
  process.once('message', (setup: Setup) => void run(setup));
}

/** Not an exit, which waits for the library, and at times for ever. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

async function run(setup: Setup): Promise<void> {
  const logger: Pick<Logger, 'warn'> = {
    warn: (fields: object) => {
      report({ warning: fields });
    },
  };
  try {
    await endWithParent();
    // Before anything else begins a thread: they have it from the one that begins them.
    await giveWay();
    const server = await startChdbServer({ ...setup, logger });
    // The library's own handlers wait for minutes for somebody who writes down why.
    await endOnFatalSignals();
    process.once('message', () => {
      void server.stop().finally(end);
    });
    report({ started: { url: server.url } });
  } catch (error) {
    report({ failed: { reason: String(error), taken: error instanceof DirectoryTakenError } });
  }
}

/** Where nobody listens any more, the end is near. */
function report(what: Report): void {
  process.send?.(what, undefined, undefined, () => undefined);
}
