import { balances, judge, type Stores } from '../src/faults/ledger.ts';
import type { Seen } from '../src/faults/target.ts';

const logged = (
  attempts: number,
  over: { may_repeat?: number; unanswered?: number; successes?: number } = {},
) => ({
  attempts,
  may_repeat: 0,
  unanswered: 0,
  successes: 1,
  ...over,
});

/** A ledger of one accepted delivery `d` of event `e`. */
function ledgerOf(statuses: readonly number[], stores: Partial<Stores>, eventId = 'e') {
  const requests: Seen[] = statuses.map((status, n) => ({ event_id: eventId, attempt: n + 1, status }));
  return judge(
    { accepted: new Map([['d', 'e']]), refused: [], unanswered: 0 },
    { seen: new Map(requests.length > 0 ? [['d', requests]] : []) },
    { deadLetters: new Set(), events: new Set(['d']), attempts: new Map(), uncounted: 0, ...stores },
  );
}

describe('the ledger of a fault', () => {
  it('balances for a delivery that failed, was retried and delivered, each request logged', () => {
    const ledger = ledgerOf([503, 200], { attempts: new Map([['d', logged(2)]]) });
    expect(ledger).toMatchObject({ delivered: 1, requests: 2, attempts: 2, repeated: 0 });
    expect(balances(ledger)).toBe(true);
  });

  it('balances for a dead letter', () => {
    const ledger = ledgerOf([503], { attempts: new Map([['d', logged(1)]]), deadLetters: new Set(['d']) });
    expect(ledger.dead_lettered).toBe(1);
    expect(balances(ledger)).toBe(true);
  });

  it.each<[string, ReturnType<typeof ledgerOf>, string]>([
    ['an event that never came', ledgerOf([], {}), 'missing'],
    ['one that only failed', ledgerOf([503], { attempts: new Map([['d', logged(1)]]) }), 'missing'],
    [
      'one that is not among the recorded events',
      ledgerOf([200], { attempts: new Map([['d', logged(1)]]), events: new Set() }),
      'unrecorded',
    ],
    ['a request that nobody logged', ledgerOf([200], {}), 'unlogged'],
    [
      'one that was answered too late, and is to be tried again',
      ledgerOf([200], { attempts: new Map([['d', logged(1, { unanswered: 1, successes: 0 })]]) }),
      'unended',
    ],
    ['an attempt that nobody saw', ledgerOf([200], { attempts: new Map([['d', logged(2)]]) }), 'invented'],
    [
      'a second success for no reason',
      ledgerOf([200, 200], { attempts: new Map([['d', logged(2)]]) }),
      'unexplained',
    ],
    [
      'a request under another id',
      ledgerOf([200], { attempts: new Map([['d', logged(1)]]) }, 'other'),
      'other_ids',
    ],
  ])('names %s', (_, ledger, where) => {
    expect(ledger[where as keyof typeof ledger]).toEqual(['d']);
    expect(balances(ledger)).toBe(false);
  });

  it('does not balance when the statistics count otherwise than the rows', () => {
    const ledger = ledgerOf([200], { attempts: new Map([['d', logged(1)]]), uncounted: -1 });
    expect(balances(ledger)).toBe(false);
  });

  it('tells a repeat after a crash, and a request cut off by it, from one that has no excuse', () => {
    const repeat = ledgerOf([200, 200], { attempts: new Map([['d', logged(1, { may_repeat: 1 })]]) });
    expect(repeat).toMatchObject({ cut_off: 1, repeated: 1 });
    expect(balances(repeat)).toBe(true);
    const late = ledgerOf([200, 200], { attempts: new Map([['d', logged(2, { unanswered: 1 })]]) });
    expect(late).toMatchObject({ answered_late: 1, repeated: 0 });
    expect(balances(late)).toBe(true);
  });
});
