import { createLocalInvalidationBus, createSubscriptionDirectory } from '../../src/cache/index.ts';
import { describeInvalidationBus } from '../invalidation-bus.conformance.ts';
import { describeSubscriptionCache } from '../subscription-cache.conformance.ts';

describeInvalidationBus('in process', () => {
  const bus = createLocalInvalidationBus();
  return Promise.resolve({ here: bus, there: bus, close: () => Promise.resolve() });
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
