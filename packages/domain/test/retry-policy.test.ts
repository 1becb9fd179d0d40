import { decideDeferral, decideNext, parseRetryAfter, type AttemptFacts } from '@milena/domain';

const CONFIGURED = [
  { text: '10s', ms: 10_000 },
  { text: '30s', ms: 30_000 },
  { text: '1m', ms: 60_000 },
  { text: '5m', ms: 300_000 },
  { text: '15m', ms: 900_000 },
];
const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);

function failed(changes: Partial<AttemptFacts> & { status?: number | null; retryAfter?: string } = {}) {
  const { status = 500, retryAfter = null, ...facts } = changes;
  return decideNext({
    result: { ok: false, http_status: status, retry_after: retryAfter },
    attempt: 1,
    configured: CONFIGURED,
    own: null,
    now: NOW,
    random: 0,
    ...facts,
  });
}

/** [wait in ms, topic] of a retry, or what it was instead. */
function waitOf(decision: ReturnType<typeof decideNext>) {
  return decision.kind === 'retry' ? [decision.due_at - NOW, decision.delay] : decision.kind;
}

describe('what follows an attempt', () => {
  it('is nothing after a success', () => {
    const result = { ok: true, http_status: 204, retry_after: '60' };
    const decision = decideNext({
      result,
      attempt: 1,
      configured: CONFIGURED,
      own: null,
      now: NOW,
      random: 0,
    });
    expect(decision).toEqual({ kind: 'delivered', reason: '' });
  });

  it('is the n-th delay after the n-th failure, then the end', () => {
    const waits = [1, 2, 3, 4, 5, 6].map((attempt) => waitOf(failed({ attempt })));
    expect(waits).toEqual([
      [10_000, '10s'],
      [30_000, '30s'],
      [60_000, '1m'],
      [300_000, '5m'],
      [900_000, '15m'],
      'give_up',
    ]);
    expect(failed({ attempt: 2 }).reason).toBe('retry 2 of 5 after 30s');
    expect(failed({ attempt: 6 })).toEqual({
      kind: 'give_up',
      gone: false,
      reason: 'all 5 retries are used up',
    });
  });

  it('is never early, and at most a tenth late, whatever the dice say', () => {
    for (const random of [0, 0.25, 0.5, 0.999_999]) {
      const decision = failed({ random, attempt: 4 });
      if (decision.kind !== 'retry') throw new Error('a retry was expected');
      expect(decision.due_at - NOW).toBe(Math.ceil(300_000 * (1 + random * 0.1)));
      expect(decision.delay).toBe('5m');
    }
  });

  it('says why at that time, jitter included', () => {
    const reasons = [0, 0.000_01, 0.5].map((random) => failed({ random, attempt: 1 }).reason);
    expect(reasons).toEqual([
      'retry 1 of 5 after 10s',
      'retry 1 of 5 after 10s, plus 1 ms of jitter',
      'retry 1 of 5 after 10s, plus 500 ms of jitter',
    ]);
    expect(failed({ random: 0.5, attempt: 4 }).reason).toBe('retry 4 of 5 after 5m, plus 15.0 s of jitter');
    expect(failed({ random: 0.5, status: 503, retryAfter: '120' }).reason).toBe(
      'retry 1 of 5: the endpoint asked for 120 s (Retry-After), plus 6.0 s of jitter',
    );
  });

  it('goes by the delays of the subscription when it has its own', () => {
    const own = ['30s', '5m'];
    expect([1, 2, 3].map((attempt) => waitOf(failed({ own, attempt })))).toEqual([
      [30_000, '30s'],
      [300_000, '5m'],
      'give_up',
    ]);
    expect(failed({ own, attempt: 1 }).reason).toBe('retry 1 of 2 after 30s');
  });

  it('is the end at once for a subscription that wants no retries', () => {
    expect(failed({ own: [] })).toEqual({
      kind: 'give_up',
      gone: false,
      reason: 'the subscription wants no retries',
    });
  });

  it('is the end, for the whole subscription, after 410 Gone', () => {
    expect(failed({ status: 410, attempt: 1 })).toMatchObject({ kind: 'give_up', gone: true });
  });

  it('stays within the topics there are when the configured delays were changed', () => {
    const configured = CONFIGURED.slice(0, 2);
    expect(waitOf(failed({ configured, own: ['20s'] }))).toEqual([20_000, '30s']);
    expect(waitOf(failed({ configured, own: ['2h'] }))).toEqual([30_000, '30s']);
    expect(waitOf(failed({ configured, own: ['soon', '10s'] }))).toEqual([10_000, '10s']);
    expect(failed({ configured, own: ['2h'] }).reason).toBe('retry 1 of 1 after 2h, capped at 30s');
    expect(failed({ configured, attempt: 9 }).kind).toBe('give_up');
  });

  it.each([429, 502, 503, 504])('is not before the Retry-After of a %i', (status) => {
    const decision = failed({ status, retryAfter: '120' });
    expect(waitOf(decision)).toEqual([120_000, '5m']);
    expect(decision.reason).toBe('retry 1 of 5: the endpoint asked for 120 s (Retry-After)');
  });

  it('reads a Retry-After that is a date', () => {
    expect(waitOf(failed({ status: 503, retryAfter: 'Thu, 01 Jan 2026 12:00:45 GMT' }))).toEqual([
      45_000,
      '1m',
    ]);
  });

  it('caps a Retry-After at the longest delay', () => {
    const decision = failed({ status: 503, retryAfter: '86400' });
    expect(waitOf(decision)).toEqual([900_000, '15m']);
    expect(decision.reason).toContain('capped at 15m');
  });

  it('never lets a Retry-After shorten the wait', () => {
    expect(waitOf(failed({ status: 503, retryAfter: '1', attempt: 3 }))).toEqual([60_000, '1m']);
  });

  it('ignores a Retry-After on any other status, and one after the last retry', () => {
    expect(waitOf(failed({ status: 500, retryAfter: '120' }))).toEqual([10_000, '10s']);
    expect(waitOf(failed({ status: null, retryAfter: '120' }))).toEqual([10_000, '10s']);
    expect(failed({ status: 503, retryAfter: '120', attempt: 6 }).kind).toBe('give_up');
  });
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 7 ', 7000],
    ['Thu, 01 Jan 2026 12:01:00 GMT', 60_000],
    ['Thursday, 01-Jan-26 12:01:00 GMT', 60_000],
    ['Thu Jan  1 12:01:00 2026', 60_000],
  ])('%j is read', (text, ms) => {
    expect(parseRetryAfter(text, NOW)).toBe(ms);
  });

  it.each([
    [null],
    [''],
    ['0'],
    ['-5'],
    ['1.5'],
    ['1e3'],
    ['soon'],
    ['2026-01-01T12:01:00Z'],
    ['Thu, 01 Jan 2026 11:59:00 GMT'],
    ['Thu, 99 Foo 2026 12:01:00 GMT'],
    ['120 s'],
  ])('%j asks for nothing', (text) => {
    expect(parseRetryAfter(text, NOW)).toBeNull();
  });
});

describe('a deferral', () => {
  const wait = (deferrals: number, wanted: number | null = null, configured = CONFIGURED) => {
    const route = decideDeferral({ deferrals, configured, wanted, now: NOW, random: 0 });
    return [route.due_at - NOW, route.delay];
  };

  it('climbs the first three delays and stays on the third', () => {
    expect([0, 1, 2, 3, 99].map((n) => wait(n))).toEqual([
      [10_000, '10s'],
      [30_000, '30s'],
      [60_000, '1m'],
      [60_000, '1m'],
      [60_000, '1m'],
    ]);
  });

  it('makes do with as many delays as there are', () => {
    expect([0, 1, 2].map((n) => wait(n, null, CONFIGURED.slice(0, 1)))).toEqual([
      [10_000, '10s'],
      [10_000, '10s'],
      [10_000, '10s'],
    ]);
  });

  it('waits just as long as is known to be enough, up to the third delay', () => {
    expect(wait(2, 1500)).toEqual([1500, '10s']);
    expect(wait(0, 12_000)).toEqual([12_000, '30s']);
    expect(wait(0, 500_000)).toEqual([60_000, '1m']);
  });
});
