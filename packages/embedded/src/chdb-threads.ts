import { readdirSync, readFileSync } from 'node:fs';
import { openSchedule, type Scheduling } from './thread-scheduling.ts';

/**
 * A nice value of 5 is a third of a thread's usual weight, so that inserts still get on when every processor is busy. With the
 * longest slice that there is, whatever wakes up need not wait until one of the engine's ends.
 */
const GIVING_WAY: Scheduling = { nice: 5, sliceMs: 100 };
/** The engine starts threads as it needs them, most of them within seconds; they inherit from whoever starts them. */
const LOOK_EVERY_MS = 5000;
const TASKS = '/proc/self/task';
/** As the engine calls its threads, at work and between jobs. Node's and LMDB's have other names. */
const ENGINES = /^(ThreadPool|QueryPipeline|QueryPool|MergeMutate|Bg\w*Pool)/;

/**
 * Lets the engine's own threads give way: an insert or a merge takes what is free of the processors, and what waits for a
 * delivery, the event loop, the threads that commit the log and other processes, need not wait for a turn of theirs. Where
 * there is no /proc of Linux's kind, it does nothing.
 *
 * @returns ends it; threads stay as they are
 */
export async function letEngineThreadsGiveWay(): Promise<() => void> {
  const schedule = await openSchedule();
  const lowered = new Set<string>();
  const look = (): void => {
    for (const task of tasks()) {
      if (lowered.has(task) || !ENGINES.test(nameOf(task))) continue;
      try {
        schedule(Number(task), GIVING_WAY);
        lowered.add(task);
      } catch {
        // It has ended since, or may not be changed: it only runs as before.
      }
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  look();
  return () => {
    clearInterval(timer);
  };
}

function tasks(): string[] {
  try {
    return readdirSync(TASKS);
  } catch {
    return [];
  }
}

function nameOf(task: string): string {
  try {
    return readFileSync(`${TASKS}/${task}/comm`, 'utf8');
  } catch {
    return '';
  }
}
