import type { Discrepancy, KeptRow, LedgerKind, LedgerRow } from '../ledger-ports.ts';

/** Names a delivery that the history knows, and says what is wrong with it. */
export function discrepancyOf(row: LedgerRow, kind: LedgerKind): Discrepancy {
  const { delivery_id, event_id, subscription_id } = row;
  return { delivery_id, event_id, subscription_id, kind, detail: detailOf(row, kind) };
}

function detailOf(row: LedgerRow, kind: LedgerKind): string {
  const { status, attempts } = row;
  const last = `the last news is of ${new Date(row.last_at).toISOString()}`;
  switch (kind) {
    case 'event_missing':
      return `What is recorded of it says ${status}; its event is not recorded.`;
    case 'attempt_missing':
      return (
        gapOf(attempts) ?? 'It is a dead letter; the failure or expiry that made it one is not recorded.'
      );
    case 'disposition_missing':
      return `It is held; the history says ${status}.`;
    case 'dead_letter_missing':
      return `It was given up (${status}); there is no dead letter.`;
    case 'held_missing':
      return `It was held when it was last heard of; nobody holds it now, and ${last}.`;
    case 'end_missing':
      return `It is ${status} by the history, nothing of it is in motion, and ${last}.`;
    case 'ended_twice':
      return status === 'filtered'
        ? 'It was filtered; something else happened to it, too.'
        : 'It was delivered; it was given up, too.';
  }
}

/** null without a gap. */
function gapOf(attempts: number): string | null {
  const made = 32 - Math.clz32(attempts);
  const gaps = Array.from({ length: made }, (_, n) => n + 1).filter(
    (n) => ((attempts >>> (n - 1)) & 1) === 0,
  );
  if (gaps.length === 0) return null;
  return `Of its ${made} attempts ${gaps.join(', ')} ${gaps.length === 1 ? 'is' : 'are'} not recorded.`;
}

/** Names a delivery of which only the relational store knows. */
export function unknownOf(row: KeptRow, what: string): Discrepancy {
  return {
    ...row,
    kind: 'event_missing',
    detail: `It is ${what}; its event is not recorded, nor is anything else.`,
  };
}
