import {
  UndecodableRecordError,
  decodeDeadLetter,
  decodeDelivery,
  decodeHeld,
  decodeLogEntries,
  encodeDeadLetter,
  encodeDelivery,
  encodeHeld,
  encodeLogEntries,
  newId,
  type Delivery,
  type LogEntry,
} from '@milena/domain';

const NOW = Date.UTC(2026, 0, 1);
const first: Delivery = {
  delivery_id: newId(NOW),
  event_id: newId(NOW),
  tenant_id: 'default',
  subscription_id: newId(NOW),
  event_type: null,
  content_type: 'application/json',
  accepted_at: NOW,
  attempt: 1,
  due_at: null,
  deferrals: 0,
  may_repeat: false,
  replay_of: null,
  resumed_at: null,
  target_url: null,
  traceparent: null,
  payload: Buffer.from('{"b":1,  "a":12345678901234567890,"u":"\\u00e9 é", "b":2}'),
};
const retried: Delivery = {
  ...first,
  event_type: 'order.created',
  attempt: 3,
  due_at: NOW + 30_000,
  deferrals: 2,
  replay_of: newId(NOW),
  resumed_at: NOW + 20_000,
  target_url: 'https://example.com/elsewhere',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};

describe('a delivery record', () => {
  it.each([
    ['first try', first],
    ['retry', retried],
  ])('comes back as it was (%s), with the very bytes of the payload', (_name, delivery) => {
    const record = encodeDelivery(delivery);
    expect(record.key).toBe(delivery.subscription_id);
    expect(record.value).toBe(delivery.payload);
    expect(decodeDelivery(record)).toEqual(delivery);
  });

  it('holds no header for what is not there', () => {
    expect(Object.keys(encodeDelivery(first).headers)).toEqual([
      'delivery-id',
      'event-id',
      'tenant-id',
      'content-type',
      'accepted-at',
      'attempt',
    ]);
  });

  it.each(['delivery-id', 'event-id', 'tenant-id', 'content-type', 'accepted-at', 'attempt'])(
    'is refused without %s',
    (name) => {
      const record = encodeDelivery(first);
      record.headers[name] = '';
      expect(() => decodeDelivery(record)).toThrow(UndecodableRecordError);
    },
  );

  it.each(['accepted-at', 'attempt', 'due-at', 'deferrals'])('is refused when %s is no number', (name) => {
    const record = encodeDelivery(retried);
    record.headers[name] = 'soon';
    expect(() => decodeDelivery(record)).toThrow(`header ${name} is no whole number`);
  });
});

describe('a held record', () => {
  it('is the delivery, due whenever it is released, and says since when it is held', () => {
    const { delivery, held_at } = decodeHeld(encodeHeld(retried, NOW + 5));
    expect(delivery).toEqual({ ...retried, due_at: null, deferrals: 0 });
    expect(held_at).toBe(NOW + 5);
  });
});

describe('a dead-letter record', () => {
  const facts = { reason: 'The endpoint answered 503 six times.', at: NOW + 5, attempts: 6 };

  it('comes back with its reason, time and attempts', () => {
    expect(decodeDeadLetter(encodeDeadLetter(retried, facts))).toEqual({ delivery: retried, facts });
  });

  it.each(['dead-letter-reason', 'dead-lettered-at', 'attempts'])('is refused without %s', (name) => {
    const record = encodeDeadLetter(retried, facts);
    record.headers[name] = '';
    expect(() => decodeDeadLetter(record)).toThrow(UndecodableRecordError);
  });
});

describe('a delivery-log record', () => {
  const entry: LogEntry = {
    kind: 'disposition',
    disposition: {
      delivery_id: first.delivery_id,
      event_id: first.event_id,
      tenant_id: 'default',
      subscription_id: first.subscription_id,
      event_type: 'order.created',
      at: NOW,
      what: 'filtered',
      why: 'The subscription does not want events of type order.created.',
      next_attempt_at: null,
    },
    event: {
      content_type: 'application/json',
      accepted_at: NOW,
      traceparent: null,
      payload_base64: first.payload.toString('base64'),
    },
  };

  it('comes back as it was, keyed by the subscription of its first entry', () => {
    const other = { ...entry, disposition: { ...entry.disposition, subscription_id: 'another' } };
    const record = encodeLogEntries([entry, other]);
    expect(record.key).toBe(first.subscription_id);
    expect(decodeLogEntries(record)).toEqual([entry, other]);
  });

  it.each([
    ['no JSON', '{"v":2'],
    ['another version', '{"v":1,"kind":"attempt"}'],
    ['no version', '{"entries":[]}'],
    ['no entries', '{"v":2}'],
    ['one thing for a list', '{"v":2,"entries":{"kind":"attempt"}}'],
    ['nothing but null', 'null'],
  ])('is refused when it has %s', (_name, text) => {
    expect(() => decodeLogEntries({ value: Buffer.from(text) })).toThrow(UndecodableRecordError);
  });
});
