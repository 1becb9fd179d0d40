import { quietRequestQueues } from '../src/kafka/quiet.ts';
import { shortenMemory } from '../src/kafka/short-memory.ts';

interface Queue {
  push(request: object): void;
  fulfillRequest(response: { correlationId: number; payload: Buffer; size: number }): void;
  rejectAll(error: Error): void;
  waitForPendingRequests(): Promise<void>;
  inflight: { size: number };
}

function create() {
  const QueueOf = jest.requireActual<new (options: object) => Queue>(
    'kafkajs/src/network/requestQueue/index.js',
  );
  // Or a timer would run for ever.
  quietRequestQueues();
  shortenMemory();
  shortenMemory();
  const logger = { debug: () => undefined, warn: () => undefined, namespace: () => logger };
  const queue = new QueueOf({
    ...{ maxInFlightRequests: 3, requestTimeout: 1000, clientId: 'c', broker: 'b', logger },
  });
  const sent: number[] = [];
  const request = (correlationId: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      queue.push({
        entry: { correlationId, apiName: 'Test', apiKey: 0, apiVersion: 0, resolve, reject },
        expectResponse: true,
        sendRequest: () => sent.push(correlationId),
      });
    });
  const answer = (correlationId: number): void => {
    queue.fulfillRequest({ correlationId, payload: Buffer.alloc(0), size: 0 });
  };
  return { queue, sent, request, answer };
}

describe('requests under way', () => {
  it('get their own answers, whatever their order, and no more are sent than may be', async () => {
    const { queue, sent, request, answer } = create();
    const all = [1, 2, 3, 4, 5].map(request);
    expect(sent).toEqual([1, 2, 3]);
    for (const one of [2, 1, 4, 3, 5]) answer(one);
    expect(sent).toEqual([1, 2, 3, 4, 5]);
    expect(await Promise.all(all)).toMatchObject([1, 2, 3, 4, 5].map((correlationId) => ({ correlationId })));
    expect(queue.inflight.size).toBe(0);
    await queue.waitForPendingRequests();
  });

  it('all fail together with their connection', async () => {
    const { queue, request } = create();
    const all = [1, 2, 3, 4].map(request);
    queue.rejectAll(new Error('gone'));
    for (const one of all) await expect(one).rejects.toThrow('gone');
    expect(queue.inflight.size).toBe(0);
  });
});
