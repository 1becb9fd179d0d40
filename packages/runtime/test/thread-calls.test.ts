import { MessageChannel, Worker } from 'node:worker_threads';
import { createThreadCalls, type Answers, type ThreadEnd } from '../src/index.ts';

function connect(answers: Answers) {
  const { port1, port2 } = new MessageChannel();
  createThreadCalls(port2, answers);
  const sent: unknown[][] = [];
  const end: ThreadEnd = {
    postMessage: (messages, transfer) => {
      sent.push(messages as unknown[]);
      port1.postMessage(messages, transfer);
    },
    on: (event, listener) => port1.on(event, listener),
  };
  const calls = createThreadCalls(end, {});
  return {
    calls,
    sent,
    close: () => {
      port1.close();
    },
  };
}

class RefusedError extends Error {
  override name = 'RefusedError';
  readonly maybe = true;
  readonly undo = (): void => undefined;
}

describe('calls between threads', () => {
  it('gives each caller its own answer, in whatever order they come', async () => {
    const { calls, close } = connect({
      wait: async (ms: number) => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return { ms };
      },
    });
    const order: number[] = [];
    const answered = await Promise.all(
      [60, 5, 30].map(async (ms) => {
        const value = await calls.call('wait', ms);
        order.push(ms);
        return value;
      }),
    );
    expect(answered).toEqual([{ ms: 60 }, { ms: 5 }, { ms: 30 }]);
    expect(order).toEqual([5, 30, 60]);
    close();
  });

  it('sends in one message what is asked in one turn', async () => {
    const { calls, sent, close } = connect({ double: (n: number) => n * 2 });
    expect(await Promise.all([1, 2, 3].map((n) => calls.call('double', n)))).toEqual([2, 4, 6]);
    await calls.call('double', 4);
    expect(sent.map((messages) => messages.length)).toEqual([3, 1]);
    close();
  });

  it('rejects with the name, the message and the plain fields of the error there', async () => {
    const { calls, close } = connect({
      refuse: () => {
        throw new RefusedError('The disk is full.', { cause: new RangeError('ENOSPC') });
      },
    });
    const error: unknown = await calls.call('refuse').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'RefusedError', message: 'The disk is full.', maybe: true });
    expect((error as Error).cause).toMatchObject({ name: 'RangeError', message: 'ENOSPC' });
    expect((error as Error).stack).toContain('thread-calls.test');
    close();
  });

  it('says so when the other thread knows no such call', async () => {
    const { calls, close } = connect({});
    await expect(calls.call('nothing')).rejects.toThrow('nothing');
    close();
  });

  it('hands over what is transferred', async () => {
    const { calls, close } = connect({ length: (bytes: ArrayBuffer) => bytes.byteLength });
    const bytes = new ArrayBuffer(1000);
    expect(await calls.call('length', bytes, [bytes])).toBe(1000);
    expect(bytes.byteLength).toBe(0);
    close();
  });

  it('lets nobody wait for a thread that has ended', async () => {
    const worker = new Worker('setInterval(() => undefined, 1000)', { eval: true });
    const calls = createThreadCalls(worker, {});
    const waiting = calls.call('answer');
    const ended = new Error('it ended');
    worker.on('exit', () => {
      calls.end(ended);
    });
    await worker.terminate();
    await expect(waiting).rejects.toBe(ended);
    await expect(calls.call('answer')).rejects.toBe(ended);
  });
});
