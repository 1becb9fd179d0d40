import { eventTypeOf, type EventTypeSources } from '@milena/domain';

const of = (sources: Partial<EventTypeSources>) =>
  eventTypeOf({ header: undefined, query: undefined, githubHeader: undefined, body: null, ...sources });

describe('the type of an event', () => {
  const everywhere = {
    header: 'from.header',
    query: 'from.query',
    githubHeader: 'from_github',
    body: { event_type: 'from.body', type: 'from.type' },
  };

  it('is the first found of header, query, X-GitHub-Event, event_type and type of the body', () => {
    const absent = { header: undefined, query: undefined, githubHeader: undefined };
    expect(of(everywhere)).toEqual({ ok: true, event_type: 'from.header' });
    expect(of({ ...everywhere, header: undefined })).toEqual({ ok: true, event_type: 'from.query' });
    expect(of({ ...absent, githubHeader: 'from_github', body: everywhere.body })).toEqual({
      ok: true,
      event_type: 'from_github',
    });
    expect(of({ ...everywhere, ...absent })).toEqual({ ok: true, event_type: 'from.body' });
    expect(of({ body: { type: 'from.type' } })).toEqual({ ok: true, event_type: 'from.type' });
  });

  it.each([[null], [true], [3], ['order.created'], [[{ type: 'a' }]], [{}], [{ data: { type: 'a' } }]])(
    'is absent in the body %j',
    (body) => {
      expect(of({ body })).toEqual({ ok: true, event_type: null });
    },
  );

  it('is not taken from a field of the body that is no event type', () => {
    expect(of({ body: { event_type: 7, type: 'order paid' } })).toEqual({ ok: true, event_type: null });
    expect(of({ body: { event_type: 'not one', type: 'order.paid' } })).toEqual({
      ok: true,
      event_type: 'order.paid',
    });
  });

  it.each([
    ['X-Event-Type', { header: 'order created' }],
    ['X-Event-Type', { header: '' }],
    ['X-Event-Type', { header: 'a'.repeat(129) }],
    ['event_type', { query: 'order.*' }],
    ['X-GitHub-Event', { githubHeader: 'push, pull' }],
  ])('is refused when %s says something else', (where, sources) => {
    const result = of({ ...sources, body: { type: 'order.paid' } });
    expect(result).toEqual({ ok: false, where, message: expect.any(String) });
  });
});
