import { Worker } from 'node:worker_threads';
import { createThreadCalls, type ThreadCalls } from '@milena/runtime';
import { BadRequestError } from './chdb-errors.ts';
import { quoted, type InsertRequest } from './chdb-request.ts';
import type { InsertStatement, InsertThreadData } from './insert-thread.ts';

/** Where inserts are made. */
interface Inserts {
  /**
   * One at a time, each row a line.
   * @returns how many rows
   * @throws Error of the engine, or that the thread ended: the rows may be in, then
   */
  insert(request: InsertRequest): Promise<number>;
  /** Nothing may be under way. */
  close(): Promise<void>;
}

/**
 * Inserts in a thread of their own, begun with the first. When it ends by itself, the next insert begins another.
 *
 * @param program of the thread; calls `answerInserts`
 * @param begun is told the kernel's number of each
 */
export function openInsertThread(
  { program, dataDir }: { program: string; dataDir: string },
  begun: (threadId: number) => void,
): Inserts {
  let current: { worker: Worker; calls: ThreadCalls } | null = null;

  const begin = () => {
    const worker = new Worker(program, {
      name: 'inserts',
      workerData: { dataDir } satisfies InsertThreadData,
    });
    const calls = createThreadCalls(worker, {});
    const over = (reason: Error): void => {
      if (current?.worker === worker) current = null;
      calls.end(reason);
    };
    worker.on('error', over);
    worker.on('exit', (code) => {
      over(new Error(`the thread for inserts ended with ${code}`));
    });
    calls.call('threadId').then(
      (threadId) => {
        if (threadId !== null) begun(threadId as number);
      },
      // Whoever inserts is told.
      () => undefined,
    );
    return { worker, calls };
  };

  return {
    insert: async (request) => {
      // The engine takes the statement to end there.
      if (request.rows.includes(0)) throw new BadRequestError('A row contains a NUL byte', 27);
      current ??= begin();
      const rows = new Uint8Array(request.rows).buffer;
      const statement: InsertStatement = { head: headOf(request), rows };
      return (await current.calls.call('insert', statement, [rows])) as number;
    },
    close: async () => {
      if (current === null) return;
      const { worker, calls } = current;
      // If it ended meanwhile, its session did too.
      await calls.call('close').catch(() => undefined);
      await worker.terminate();
    },
  };
}

/** Rows follow in the next line. */
function headOf({ database, table, columns, settings, format }: InsertRequest): string {
  const parts = database === null ? table.split('.') : [database, table];
  const into = parts.map(identifier).join('.');
  const list = columns === null ? '' : ` (${columns.map(identifier).join(', ')})`;
  const set = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`);
  return `INSERT INTO ${into}${list}${set.length === 0 ? '' : ` SETTINGS ${set.join(', ')}`} FORMAT ${format}\n`;
}

/** Of words only; see `toStatement`. */
const identifier = (name: string): string => `\`${name}\``;
