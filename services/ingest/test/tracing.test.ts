import { decodeDelivery } from '@milena/domain';
import type { SpanEnd, SpanStart, Tracing } from '@milena/tracing';
import { live } from './fakes.ts';
import { startIngest, type Ingest } from './harness.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Remembers what it was told; spans are numbered. */
function createRecordingTracing() {
  const spans: (SpanStart & { traceparent: string; ended: SpanEnd | null })[] = [];
  const tracing: Tracing = {
    start: (begun) => {
      const span = { ...begun, traceparent: `span ${spans.length}`, ended: null as SpanEnd | null };
      spans.push(span);
      return {
        traceparent: span.traceparent,
        end: (how) => {
          span.ended = how;
        },
      };
    },
    close: () => Promise.resolve(),
  };
  return { tracing, spans };
}

describe('An event that is traced', () => {
  const one = live();
  const other = live();
  const path = `/ingest/${one.subscription.id}`;
  let ingest: Ingest;
  let recording: ReturnType<typeof createRecordingTracing>;
  const carried = (): (string | null)[] =>
    ingest.log.records().map((record) => decodeDelivery(record).traceparent);

  beforeEach(async () => {
    recording = createRecordingTracing();
    ingest = await startIngest({ subscriptions: [one, other], tracing: recording.tracing });
  });
  afterEach(() => ingest.stop());

  it("has a server's span below the producer's, which its delivery carries on", async () => {
    const { body } = await ingest.post(path, '{"order":42}', { traceparent: PARENT });
    expect(recording.spans).toEqual([
      {
        ...{ name: 'ingest', kind: 'server', parent: PARENT, traceparent: 'span 0' },
        attributes: { 'milena.tenant_id': 'default', 'milena.subscription_id': one.subscription.id },
        ended: {
          attributes: {
            'http.response.status_code': 202,
            'milena.event_id': body.event_id,
            'milena.delivery_id': body.delivery_id,
            'milena.deliveries': 1,
          },
          error: null,
        },
      },
    ]);
    expect(carried()).toEqual(['span 0']);
  });

  it('has one span for all its deliveries, and each event of a batch one of its own', async () => {
    await ingest.publish('/api/v1/events', '{"order":42}');
    expect(recording.spans).toHaveLength(1);
    expect(recording.spans[0]).toMatchObject({
      parent: null,
      ended: { attributes: { 'milena.deliveries': 2 } },
    });
    expect(carried()).toEqual(['span 0', 'span 0']);
    await ingest.publish(
      '/api/v1/events/batch',
      '[{"event_type":"a","payload":1},{"event_type":"a","payload":2}]',
      {
        traceparent: PARENT,
      },
    );
    expect(recording.spans.map(({ parent }) => parent)).toEqual([null, PARENT, PARENT]);
    expect(carried().slice(2)).toEqual(['span 1', 'span 1', 'span 2', 'span 2']);
  });

  it('is an error when the log is away, and none when the caller is wrong', async () => {
    const key = { 'idempotency-key': 'order-1' };
    await ingest.post(path, '1', key);
    await ingest.post(path, '1', key);
    expect((await ingest.post(path, '2', key)).status).toBe(422);
    ingest.log.fail(true);
    expect((await ingest.post(path, '3')).status).toBe(503);
    expect(
      recording.spans.map(({ ended }) => [ended?.attributes['http.response.status_code'], ended?.error]),
    ).toEqual([
      [202, null],
      [202, null],
      [422, null],
      [503, 'unavailable'],
    ]);
    expect(recording.spans[1]?.ended?.attributes).toMatchObject({ 'milena.idempotent_replayed': true });
    expect(carried()).toEqual(['span 0']);
  });

  it('says nothing of what was sent', async () => {
    await ingest.post(`${path}?event_type=order.created&token=geheim`, '{"secret":"geheim"}', {
      'x-shop': 'geheim',
    });
    expect(JSON.stringify(recording.spans)).not.toContain('geheim');
  });
});
