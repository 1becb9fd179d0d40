import { idSchema } from '@milena/domain';
import { REPLAY_STATES, type Replay } from '@milena/stores';
import { z } from 'zod';
import { toTime, toTimeOrNull } from '../views.ts';

const time = z.iso.datetime().meta({ example: '2026-01-31T09:30:00.000Z' });

export const replaySchema = z
  .object({
    id: idSchema,
    tenant_id: z.string().nullable().meta({ description: 'null: of every tenant.' }),
    source: z.enum(['dead_letters', 'events']),
    filter: z.object({
      subscription_id: idSchema.nullable(),
      event_type: z.string().nullable(),
      since: time.nullable(),
      until: time,
      ids: z.array(idSchema).nullable(),
      statuses: z.array(z.string()),
    }),
    target_url: z.string().nullable().meta({ description: 'null: each to its subscription.' }),
    rate_per_s: z.number(),
    state: z.enum(REPLAY_STATES),
    total: z.int().meta({ description: 'Counted when it was planned.' }),
    done: z.int().meta({ description: 'Handed on to be delivered; the history tells what became of each.' }),
    failed: z.int().meta({ description: 'Passed over: their subscription is gone or disabled.' }),
    rate: z.number().nullable().meta({ description: 'Items a second of late.' }),
    eta: time.nullable().meta({
      description: 'When it will be done, at that rate; null until it has come to its first item.',
    }),
    error: z.string().nullable(),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
  })
  .meta({ id: 'Replay' });

export function toReplay(replay: Replay, now: number): z.infer<typeof replaySchema> {
  const { filter, observed_rate, created_at, started_at, finished_at, ...rest } = replay;
  const { source, subscription_id, event_type, since, until, ids, statuses } = filter;
  return {
    ...rest,
    source,
    filter: {
      subscription_id,
      event_type,
      since: toTimeOrNull(since),
      until: toTime(until),
      ids: ids === null ? null : [...ids],
      statuses: [...statuses],
    },
    rate: observed_rate === null ? null : Math.round(observed_rate * 10) / 10,
    eta: etaOf(replay, now),
    created_at: toTime(created_at),
    started_at: toTimeOrNull(started_at),
    finished_at: toTimeOrNull(finished_at),
  };
}

/** A job that has done nothing yet may still wait for somebody to carry it on: how long, nobody knows. */
function etaOf(replay: Replay, now: number): string | null {
  const { state, total, done, failed, observed_rate, rate_per_s } = replay;
  if (state !== 'running' || done + failed === 0) return null;
  const left = Math.max(0, total - done - failed);
  return toTime(Math.ceil(now + (left / (observed_rate ?? rate_per_s)) * 1000));
}
