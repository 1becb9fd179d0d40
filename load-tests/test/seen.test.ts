import { createSeenStore } from '../src/seen.ts';
import { readTold } from '../src/told.ts';

const request = (delivery: string, key: string) => ({
  headers: { 'x-milena-delivery-id': delivery, 'webhook-id': `event-of-${delivery}` },
  body: Buffer.from(`{"key":"${key}","at":1000,"fill":""}`),
  receivedAt: 1025,
});

describe('What the receiver of load tests saw', () => {
  test('is counted by delivery, successes only when answered to the end', () => {
    const store = createSeenStore({ forget: 0 });
    store.add(request('a', 'run1/load/0'))(503);
    store.add(request('a', 'run1/load/0'))(204);
    store.add(request('a', 'run1/load/0'));
    store.add(request('b', 'run2/load/0'))(200);
    expect(store.of('run1')).toEqual([
      {
        delivery_id: 'a',
        event_id: 'event-of-a',
        key: 'run1/load/0',
        requests: 3,
        successes: 1,
        latency_ms: 25,
      },
    ]);
  });

  test('leaves out one delivery wholly when told to forget it', () => {
    const store = createSeenStore({ forget: 2 });
    for (const id of ['a', 'b', 'c', 'b']) store.add(request(id, 'run/load/0'))(200);
    expect(store.of('run').map(({ delivery_id }) => delivery_id)).toEqual(['a', 'c']);
  });
});

describe('What k6 told', () => {
  const accepted = (key: string, delivery_id: string): string =>
    JSON.stringify({ fact: 'accepted', key, delivery_id, event_id: 'e', subscription_id: 's' });

  test('is read line by line, ids that came twice apart', () => {
    const told = readTold([
      '{"fact":"subscription","id":"s","expected":"any"}',
      accepted('r/load/0', 'd0'),
      accepted('r/load/1', 'd0'),
      '{"fact":"refused","key":"r/load/2","status":503}',
      '{"fact":"unanswered","key":"r/load/3"}',
    ]);
    expect(told.subscriptions).toEqual(new Map([['s', 'any']]));
    expect([...told.promised.keys()]).toEqual(['d0']);
    expect(told.given_twice).toEqual(['d0']);
    expect([told.accepted.size, told.refused.size, told.unanswered.size]).toEqual([2, 1, 1]);
  });

  test('is not read past a line that was cut off', () => {
    expect(() => readTold([accepted('r/load/0', 'd0').slice(0, 40)])).toThrow(SyntaxError);
  });
});
