import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { createThreadCalls, type Answers, type ThreadCalls } from '@milena/runtime';

/** A thread that is a part of this process, and calls to it. */
interface Thread {
  calls: ThreadCalls;
  /** From now on it must not end by itself. */
  running(): void;
  /**
   * Ends it as it is; whoever still calls is told why. Does not wait: a look-up of a name under way may take as long as it
   * likes.
   */
  end(reason: Error): void;
}

/** Begins the thread, which loads its program meanwhile. */
export function openThread(options: {
  /** Of the thread; its program is the bundle `<name>-thread.cjs` beside this one, unless told. */
  name: string;
  program?: string | undefined;
  /** What it begins with. */
  data: unknown;
  /** What it may ask of this one. */
  answers: Answers;
  /** Called once, when it ends by itself after `running`. */
  lost: (reason: Error) => void;
}): Thread {
  const { name, program = path.join(__dirname, `${name}-thread.cjs`), data, answers, lost } = options;
  const worker = new Worker(program, { name, workerData: data });
  const calls = createThreadCalls(worker, answers);
  let state: 'opening' | 'running' | 'over' = 'opening';
  const over = (reason: Error): void => {
    if (state === 'over') return;
    const wasRunning = state === 'running';
    state = 'over';
    calls.end(reason);
    if (wasRunning) lost(reason);
  };
  worker.on('error', over);
  worker.on('exit', (code) => {
    over(new Error(`the thread "${name}" ended with ${code}`));
  });
  return {
    calls,
    running: () => {
      state = 'running';
    },
    end: (reason) => {
      state = 'over';
      calls.end(reason);
      void worker.terminate();
    },
  };
}
