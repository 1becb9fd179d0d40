import { idSchema } from '@milena/domain';
import { LEDGER_KINDS, type Ledger } from '@milena/stores';
import { z } from 'zod';
import { toTime } from '../views.ts';

const time = z.iso.datetime();
const KIND_WORDS = `event_missing: something happened to it, its event is not recorded. attempt_missing: its attempts have a gap, or it is a dead letter and what made it one is not recorded. disposition_missing: it is held, the history does not say so. dead_letter_missing: it was given up, there is no dead letter. held_missing: the history says held, nobody holds it. end_missing: it has no end, and nothing of it is in motion. ended_twice: it came to two ends that exclude each other.`;

export const ledgerSchema = z
  .object({
    since: time.meta({ description: 'As asked, but not before what retention still has whole.' }),
    until: time.meta({ description: 'As asked, but not after `as_of`.' }),
    as_of: time.meta({ description: 'The moment that is told of: what happened later does not count.' }),
    balanced: z.boolean().meta({
      description:
        '`unaccounted` is 0 and nothing contradicts: each delivery is where the rows say that it is.',
    }),
    accepted: z
      .int()
      .meta({ description: 'Deliveries with an event; test events and replays are some, too.' }),
    delivered: z.int(),
    filtered: z.int(),
    dead_lettered: z.int(),
    expired: z.int(),
    cancelled: z.int(),
    in_motion: z.object({ queued: z.int(), retrying: z.int(), held: z.int() }),
    unaccounted: z.int().meta({
      description: '`accepted` less all the others; below zero when more came of it than was accepted.',
    }),
    discrepancy_counts: z
      .object(
        Object.fromEntries(LEDGER_KINDS.map((kind) => [kind, z.int()])) as Record<
          (typeof LEDGER_KINDS)[number],
          z.ZodInt
        >,
      )
      .meta({ description: 'All that do not add up, by kind.' }),
    discrepancies: z
      .array(
        z
          .object({
            delivery_id: idSchema,
            event_id: idSchema,
            subscription_id: idSchema,
            kind: z.enum(LEDGER_KINDS).meta({ description: KIND_WORDS }),
            detail: z.string(),
          })
          .meta({ id: 'Discrepancy' }),
      )
      .meta({ description: 'Up to `limit` of them.' }),
  })
  .meta({ id: 'Ledger' });

export function toLedger(
  ledger: Ledger,
  range: { since: number; until: number; as_of: number },
): z.infer<typeof ledgerSchema> {
  const { accepted, delivered, filtered, dead_lettered, expired, cancelled, queued, retrying, held } = ledger;
  const ended = delivered + filtered + dead_lettered + expired + cancelled;
  const unaccounted = accepted - ended - queued - retrying - held;
  return {
    since: toTime(range.since),
    until: toTime(range.until),
    as_of: toTime(range.as_of),
    balanced: unaccounted === 0 && Object.values(ledger.found).every((count) => count === 0),
    accepted,
    delivered,
    filtered,
    dead_lettered,
    expired,
    cancelled,
    in_motion: { queued, retrying, held },
    unaccounted,
    discrepancy_counts: ledger.found,
    discrepancies: ledger.discrepancies,
  };
}
