import { timeOfId } from '@milena/domain';
import type { Clock } from '@milena/runtime';
import { idOrder, pageOf } from '../cursor.ts';
import type { DeliveryReader, DeliveryView } from '../delivery-ports.ts';
import type { Page } from '../ports.ts';

/**
 * Deliveries from the history, and those that are held for longer than it goes back: a pause has no end of its own, and
 * nobody could look at, or cancel, what nobody is shown.
 *
 * @param deps.historyMs how far back the history goes at least
 */
export function createDeliveryReader(deps: {
  history: DeliveryReader;
  held: DeliveryReader;
  historyMs: number;
  clock: Clock;
}): DeliveryReader {
  const { history, held, historyMs, clock } = deps;
  /** From when on the history is complete. Of what is older a part may be gone: that it is held, or all of it. */
  const begin = (): number => clock.now() - historyMs;
  return {
    find: async (id) => {
      const recorded = await history.find(id);
      if (recorded !== null && recorded.accepted_at >= begin()) return recorded;
      return (await held.find(id)) ?? recorded;
    },
    event: async (id) => (await history.event(id)) ?? (await held.event(id)),
    list: async (filter, page) => {
      const recorded = await history.list(filter, page);
      const end = begin();
      // What is newer is in the history, and so is all that this page has room for.
      if (recorded.next_cursor !== null && (recorded.data.at(-1)?.accepted_at ?? 0) >= end) return recorded;
      const until = Math.min(filter.until ?? Infinity, end);
      return together(recorded, await held.list({ ...filter, until }, page), page.limit);
    },
    ofEvent: async (filter, page) => {
      const recorded = await history.ofEvent(filter, page);
      const end = begin();
      // None of its deliveries is older than the event.
      if ((timeOfId(filter.event_id) ?? Infinity) >= end) return recorded;
      return together(recorded, await held.ofEvent({ ...filter, until: end }, page), page.limit);
    },
  };
}

/** One page of both; what is in both is as the second tells it. */
function together(recorded: Page<DeliveryView>, kept: Page<DeliveryView>, limit: number): Page<DeliveryView> {
  const isKept = new Set(kept.data.map((row) => row.delivery_id));
  const rows = [...recorded.data.filter((row) => !isKept.has(row.delivery_id)), ...kept.data];
  const more = recorded.next_cursor !== null || kept.next_cursor !== null;
  return pageOf(rows.sort(newestFirst), limit, keyOf, more);
}

const keyOf = (row: DeliveryView) => ({ at: row.accepted_at, id: row.delivery_id });

function newestFirst(a: DeliveryView, b: DeliveryView): number {
  if (a.accepted_at !== b.accepted_at) return b.accepted_at - a.accepted_at;
  return idOrder(a.delivery_id) < idOrder(b.delivery_id) ? 1 : -1;
}
