import { decodeHeld } from '@milena/domain';
import { GROUPS, HELD } from '@milena/log';
import type { HeldDelivery, HeldStore } from '@milena/stores';
import { eventRowOf } from './storable.ts';
import type { StreamSpec } from './stream.ts';
import { beginTable, listInsert, type TableDeps } from './tables.ts';

/** Deliveries of paused subscriptions are kept in Postgres until they are released; its insert knows repeats. */
export function recordHeld(deps: TableDeps & { held: Pick<HeldStore, 'insert'> }): StreamSpec<HeldDelivery> {
  return {
    group: GROUPS.recorderHeld,
    topic: HELD,
    decode: (record) => {
      const held = decodeHeld(record);
      eventRowOf(held.delivery);
      return [held];
    },
    begin: () =>
      beginTable(deps, {
        table: 'held_deliveries',
        insert: listInsert((rows) => deps.held.insert(rows)),
        happenedAt: (row) => row.held_at,
      }),
  };
}
