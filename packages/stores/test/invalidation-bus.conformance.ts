import type { InvalidationBus, InvalidationListener } from '../src/cache/index.ts';
import { eventually } from './support/eventually.ts';

/** Two processes' ends of one bus, both of them listening. */
interface OpenBuses {
  here: InvalidationBus;
  there: InvalidationBus;
  close(): Promise<void>;
}

export function createListener() {
  const heard: string[] = [];
  const listener: InvalidationListener = {
    changed: (id, tenantId) => void heard.push(`${id}/${tenantId}`),
    channelLost: () => void heard.push('lost'),
    channelBack: () => void heard.push('back'),
  };
  return { heard, listener };
}

export function describeInvalidationBus(name: string, open: () => Promise<OpenBuses>): void {
  describe(`InvalidationBus: ${name}`, () => {
    let buses: OpenBuses;
    beforeEach(async () => {
      buses = await open();
    });
    afterEach(() => buses.close());

    test('who publishes has heard of it when publish resolves, once', async () => {
      const { heard, listener } = createListener();
      buses.here.subscribe(listener);
      await buses.here.publish('a', 't');
      expect(heard).toEqual(['a/t']);
      await buses.there.publish('b', 't');
      await eventually('b is heard', () => heard.length > 1);
      expect(heard).toEqual(['a/t', 'b/t']);
    });

    test('everybody else hears of every change, in order', async () => {
      const { heard, listener } = createListener();
      buses.there.subscribe(listener);
      const ids = Array.from({ length: 100 }, (_, index) => `id-${index}`);
      for (const id of ids) await buses.here.publish(id, 't:1');
      await eventually('all are heard', () => heard.length >= ids.length);
      expect(heard).toEqual(ids.map((id) => `${id}/t:1`));
    });

    test('reaches every listener until it ends its subscription', async () => {
      const { heard, listener } = createListener();
      const endFirst = buses.here.subscribe(listener);
      const endSecond = buses.here.subscribe(listener);
      await buses.here.publish('a', 't');
      endFirst();
      await buses.here.publish('b', 't');
      endSecond();
      await buses.here.publish('c', 't');
      expect(heard).toEqual(['a/t', 'a/t', 'b/t']);
    });
  });
}
