import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** How much lower; 5 is a third of a thread's usual weight, so that inserts still get on when every processor is busy. */
const NICE = 5;
/** The engine starts threads as it needs them, most of them within seconds; they inherit from whoever starts them. */
const LOOK_EVERY_MS = 5000;
const TASKS = '/proc/self/task';
/** As the engine calls its threads, at work and between jobs. Node's and LMDB's have other names. */
const ENGINES = /^(ThreadPool|QueryPipeline|QueryPool|MergeMutate|Bg\w*Pool)/;

/**
 * Lets the engine's own threads give way: an insert or a merge takes what is free of the processors, and what waits for a
 * delivery, the event loop and the threads that commit the log, need not wait for a turn of theirs. Where there is no
 * /proc of Linux's kind, it does nothing.
 *
 * @returns ends it; threads stay as they are
 */
export function letEngineThreadsGiveWay(): () => void {
  const lowered = new Set<string>();
  const look = (): void => {
    for (const task of tasks()) {
      if (lowered.has(task) || !ENGINES.test(nameOf(task))) continue;
      try {
        // Linux takes the number of a thread where others take that of a process.
        setPriority(Number(task), NICE);
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
