import { newId } from '@milena/domain';
import { startApi, type Api } from './support/api.ts';
import { deliveryView } from './support/fakes.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.log.records.length = 0;
  api.log.state.away = false;
  api.log.state.recorded = null;
});

const old = (): string => newId(Date.now() - 60_000);

/** Stores a delivery; returns its id. */
function record(over: Parameters<typeof deliveryView>[0]): string {
  const delivery_id = old();
  api.deliveries.views.set(delivery_id, deliveryView({ delivery_id, ...over }));
  return delivery_id;
}

describe('the deliveries of an event', () => {
  const of = (event_id: string, query = '') =>
    api.call('GET', `/api/v1/deliveries?event_id=${event_id}${query}`);

  test('are found by the id that ingest answered with, all or those of a status', async () => {
    const event_id = old();
    const delivery_id = record({ event_id, status: 'failed' });
    const other_id = record({ event_id, status: 'delivered', target_url: 'https://example.com/other' });
    record({ event_id: old() });
    const all = await of(event_id);
    expect(all.status).toBe(200);
    expect(all.body).toMatchObject({
      data: [
        { id: delivery_id, event_id, status: 'failed', target_url: null },
        { id: other_id, event_id, status: 'delivered', target_url: 'https://example.com/other' },
      ],
      next_cursor: null,
    });
    expect((await of(event_id, '&status=failed')).body.data).toMatchObject([{ id: delivery_id }]);
    expect((await of(event_id, '&limit=1')).body.data).toHaveLength(1);
    const none = await of(event_id, '&status=expired');
    expect([none.status, none.body.data]).toEqual([200, []]);
  });

  test.each(['&status=lost', '&limit=0', '&cursor=x', '&tenant_id=t1'])('%s is refused', async (query) => {
    expect((await of(old(), query)).status).toBe(400);
  });

  test('right after its 202 an event is waited for, not denied', async () => {
    const event_id = newId(Date.now());
    api.log.state.recorded = 0;
    api.log.records.push({ topic: 'deliveries', key: 'k', value: Buffer.alloc(0), headers: {} });
    const pending = of(event_id);
    await api.call('GET', '/api/v1/subscriptions');
    const delivery_id = record({ event_id });
    const { status, body } = await pending;
    expect([status, body.data]).toMatchObject([200, [{ id: delivery_id }]]);
  });

  test('one that is stored between two looks at it is not shown as having none', async () => {
    const event_id = old();
    const { reader } = api.deliveries;
    const ofEvent = reader.ofEvent.bind(reader);
    const delivery_id = old();
    reader.ofEvent = async (filter, page) => {
      const answer = await ofEvent(filter, page);
      api.deliveries.views.set(delivery_id, deliveryView({ delivery_id, event_id }));
      return answer;
    };
    const { status, body } = await of(event_id);
    reader.ofEvent = ofEvent;
    expect([status, body.data]).toMatchObject([200, [{ id: delivery_id }]]);
  });

  test.each(['', '?event_id=', '?event_id=x'])('%j names no event: 400', async (query) => {
    const { status, body } = await api.call('GET', `/api/v1/deliveries${query}`);
    expect([status, body.errors[0].path]).toEqual([400, 'event_id']);
  });

  test('one that nobody knows is a 404 when everything is recorded, and a 503 while nobody can tell', async () => {
    expect((await of(old())).status).toBe(404);
    api.log.state.away = true;
    expect((await of(old())).status).toBe(503);
  });
});
