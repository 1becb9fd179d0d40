import type { Transferable } from 'node:worker_threads';

/** One end of what connects two threads: a `Worker`, or in it `parentPort`. */
export interface ThreadEnd {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

/** What one thread does for the other, by name. Takes and gives what `structuredClone` can copy. */
export type Answers = Record<string, (argument: never) => unknown>;

export interface ThreadCalls {
  /** Resolves to what the other thread answers. Rejects with its error: the name and plain fields are kept, the class is not. */
  call(name: string, argument?: unknown, transfer?: readonly Transferable[]): Promise<unknown>;
  /** The other thread has ended: every call that waits for it, and every later one, rejects with that. */
  end(reason: Error): void;
}

/** Of fields of an error that go along. */
const PLAIN: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean']);

interface ErrorCopy {
  message: string;
  cause?: ErrorCopy;
  [field: string]: unknown;
}

type Message =
  | { kind: 'question'; id: number; name: string; argument: unknown }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'failure'; id: number; error: ErrorCopy };

/** Errors lose their class between threads, and not everything that hangs on them can be copied. */
function copyOf(error: unknown): ErrorCopy {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  const plain = Object.entries(error).filter(([, value]) => value === null || PLAIN.has(typeof value));
  return {
    ...Object.fromEntries(plain),
    ...{ name, message, stack },
    ...(cause instanceof Error && { cause: copyOf(cause) }),
  };
}

/** The other way round: an Error again, with the other thread's stack. */
function errorOf({ message, cause, ...fields }: ErrorCopy): Error {
  const error = cause === undefined ? new Error(message) : new Error(message, { cause: errorOf(cause) });
  return Object.assign(error, fields);
}

/** What is said in one turn goes in one message: each wakes the other thread, which costs more than what it says. */
function createOutbox(end: ThreadEnd): (message: Message, transfer?: readonly Transferable[]) => void {
  let messages: Message[] = [];
  let transfers: Transferable[] = [];
  const send = (): void => {
    const [said, given] = [messages, transfers];
    messages = [];
    transfers = [];
    end.postMessage(said, given);
  };
  return (message, transfer = []) => {
    if (messages.length === 0) process.nextTick(send);
    messages.push(message);
    transfers.push(...transfer);
  };
}

function asPromise(work: () => unknown): Promise<unknown> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

/** Calls from this thread to the one at the other end, and answers to its own. */
export function createThreadCalls(end: ThreadEnd, answers: Answers): ThreadCalls {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const say = createOutbox(end);
  let lastId = 0;
  let ended: Error | null = null;

  // Not an async function: it would keep the argument, all of an append, until the answer is there.
  const answer = (id: number, name: string, argument: unknown): void => {
    const does = answers[name] ?? (() => Promise.reject(new Error(`no answer to ${name}`)));
    asPromise(() => does(argument as never)).then(
      (value) => {
        say({ kind: 'answer', id, value });
      },
      (error: unknown) => {
        say({ kind: 'failure', id, error: copyOf(error) });
      },
    );
  };
  const take = (message: Message): void => {
    if (message.kind === 'question') {
      answer(message.id, message.name, message.argument);
      return;
    }
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'answer') caller?.resolve(message.value);
    else caller?.reject(errorOf(message.error));
  };
  end.on('message', (messages) => {
    for (const message of messages as Message[]) take(message);
  });

  return {
    call: (name, argument, transfer) =>
      new Promise((resolve, reject) => {
        if (ended !== null) {
          reject(ended);
          return;
        }
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        say({ kind: 'question', id: lastId, name, argument }, transfer);
      }),
    end: (reason) => {
      ended = reason;
      for (const { reject } of waiting.values()) reject(reason);
      waiting.clear();
    },
  };
}
