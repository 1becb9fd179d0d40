import { MessageChannel } from 'node:worker_threads';
import { createThreadCalls, type ThreadCalls } from '@milena/runtime';
import {
  createLocalInvalidationBus,
  createSubscriptionDirectory,
  createThreadsInvalidationBus,
} from '../../src/cache/index.ts';
import { createListener, describeInvalidationBus } from '../invalidation-bus.conformance.ts';
import { describeSubscriptionCache } from '../subscription-cache.conformance.ts';

describeInvalidationBus('in process', () => {
  const bus = createLocalInvalidationBus();
  return Promise.resolve({ here: bus, there: bus, close: () => Promise.resolve() });
});

function twoThreads() {
  const { port1, port2 } = new MessageChannel();
  const here = createThreadsInvalidationBus(() => ofHere);
  const there = createThreadsInvalidationBus(() => ofThere);
  const ofHere: ThreadCalls = createThreadCalls(port1, here.answers);
  const ofThere: ThreadCalls = createThreadCalls(port2, there.answers);
  const close = () => {
    port1.close();
    ofHere.end(new Error('closed'));
    return Promise.resolve();
  };
  return { here, there, close };
}

describeInvalidationBus('between threads', () => Promise.resolve(twoThreads()));

test('between threads, the other one has heard of it when publish resolves', async () => {
  const { here, there, close } = twoThreads();
  const { heard, listener } = createListener();
  there.subscribe(listener);
  await here.publish('a', 't');
  expect(heard).toEqual(['a/t']);
  await close();
});

test('between threads, publish resolves also when the other one has ended', async () => {
  const { here, close } = twoThreads();
  const { heard, listener } = createListener();
  here.subscribe(listener);
  await close();
  await here.publish('a', 't');
  expect(heard).toEqual(['a/t']);
});

describeSubscriptionCache('in process, over the store alone', {
  // Twice the time to live: an entry is given once more while it is renewed.
  untoldMs: 60_000,
  open: (live, clock) => {
    const bus = createLocalInvalidationBus();
    const here = createSubscriptionDirectory({ live, bus, clock });
    const there = createSubscriptionDirectory({ live, bus, clock });
    const close = async () => {
      await Promise.all([here.close(), there.close()]);
    };
    return Promise.resolve({ here, there, close });
  },
});
