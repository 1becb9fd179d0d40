import { readlinkSync } from 'node:fs';
import { Session, drainPending } from 'chdb';
import { createThreadCalls, type ThreadEnd } from '@milena/runtime';

const NEWLINE = 10;

/** What the thread is begun with. */
export interface InsertThreadData {
  dataDir: string;
}

/** An INSERT up to its rows, and these. */
export interface InsertStatement {
  head: string;
  rows: ArrayBuffer;
}

/**
 * What the program of the thread for inserts does: the engine's part of them, in this thread and not on one of libuv's, which
 * cannot be told apart from those that commit the log.
 *
 * @param end the `parentPort`
 */
export function answerInserts(end: ThreadEnd, { dataDir }: InsertThreadData): void {
  const session = new Session(dataDir);
  createThreadCalls(end, {
    threadId,
    insert: ({ head, rows }: InsertStatement) => {
      const text = Buffer.from(rows);
      run(session, head + text.toString());
      return linesOf(text);
    },
    close: async () => {
      session.close();
      await drainPending();
    },
  });
}

function run(session: Session, statement: string): void {
  try {
    session.query(statement);
  } catch (error) {
    // What runs on libuv's threads gives the engine's own words.
    if (error instanceof Error) error.message = error.message.replace(/^Query failed: /, '');
    throw error;
  }
}

/** The last one may have no end. */
function linesOf(text: Buffer): number {
  let lines = text.at(-1) === NEWLINE ? 0 : 1;
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}

/** As the kernel numbers threads; null where there is no /proc of Linux's kind. */
function threadId(): number | null {
  try {
    // <process>/task/<thread>
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return null;
  }
}
