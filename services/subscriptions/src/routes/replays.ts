import { eventTypeSchema, idSchema, tenantIdSchema } from '@milena/domain';
import { HttpProblem, notFound, pageOf, pageQuery, route, type Route } from '@milena/http';
import {
  DEAD_LETTER_STATUSES,
  REPLAY_STATES,
  REPLAYABLE_STATUSES,
  type Replay,
  type ReplayState,
} from '@milena/stores';
import { z } from 'zod';
import { defined } from '../defined.ts';
import { assertDeliverable } from '../deliveries.ts';
import type { CallDeps, RouteDeps } from '../deps.ts';
import { findSubscription } from '../find-subscription.ts';
import { checkOrder, rangeQuery } from '../queries.ts';
import { planReplay, type ReplayOptions } from '../replays/plan-replay.ts';
import { replaySchema, toReplay } from '../replays/view.ts';
import { checkInput } from '../subscription-body.ts';
import { idParams } from './common.ts';

const tag = 'Replays';
const PATH = '/api/v1/replays';
const DEFAULT_RATE = 200;
/** Of delivered, failed, expired and cancelled; what was filtered is replayed only when it is asked for. */
const ENDED = REPLAYABLE_STATUSES.filter((status) => status !== 'filtered');

const optionsShape = {
  target_url: z.string().max(2048).optional().meta({
    description: "Where they go instead of to their subscription's URL; the dead letters stay open then.",
    example: 'https://example.com/hooks',
  }),
  rate_per_s: z.number().min(0.01).max(10_000).default(DEFAULT_RATE).meta({
    description: 'Items a second at most; less while live traffic waits.',
  }),
  dry_run: z
    .boolean()
    .default(false)
    .meta({ description: 'Only count: the job stays planned until it is started.' }),
};

const deadLettersBody = z
  .strictObject({
    subscription_id: idSchema.optional(),
    tenant_id: tenantIdSchema.optional(),
    event_type: eventTypeSchema.optional(),
    status: z.enum(DEAD_LETTER_STATUSES).default('open'),
    ...rangeQuery,
    ids: z.array(idSchema).min(1).max(1000).optional(),
    ...optionsShape,
  })
  .meta({
    id: 'DeadLettersReplay',
    example: { event_type: 'order.created', rate_per_s: 100, dry_run: true },
  });

const subscriptionBody = z
  .strictObject({
    event_type: eventTypeSchema.optional(),
    status: z.enum(REPLAYABLE_STATUSES).optional().meta({
      description: 'How they ended; delivered, failed, expired and cancelled ones when absent.',
    }),
    ...rangeQuery,
    ...optionsShape,
  })
  .meta({ id: 'SubscriptionReplay', example: { since: '2026-01-31T09:30:00Z', status: 'failed' } });

const listQuery = pageQuery.extend({
  tenant_id: tenantIdSchema.optional(),
  state: z.enum(REPLAY_STATES).optional(),
});
const listSchema = pageOf(replaySchema).meta({ id: 'ReplayPage' });
const accepted = {
  202: {
    description: 'The job.',
    schema: replaySchema,
    headers: { Location: { description: 'Where its progress can be read.' } },
  },
};

function acceptedReply(replay: Replay, now: number) {
  const headers = { location: `${PATH}/${replay.id}` };
  return { status: 202, headers, body: toReplay(replay, now) };
}

/** @throws HttpProblem 422 for a target that may not be reached */
function optionsOf(
  body: { target_url?: string | undefined; rate_per_s: number; dry_run: boolean },
  deps: CallDeps,
): ReplayOptions {
  checkInput(defined({ target_url: body.target_url }), deps);
  return {
    target_url: body.target_url ?? null,
    rate_per_s: body.rate_per_s,
    dry_run: body.dry_run,
  };
}

function replayDeadLetters({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: '/api/v1/dead-letters/replay',
    operation_id: 'replayDeadLetters',
    tag,
    summary: 'Deliver dead letters again, one or many, as a job',
    description:
      'Those given up before this call that match every field given. Each becomes one new delivery with the same `webhook-id`.',
    access: 'admin',
    body: { kind: 'json', schema: deadLettersBody },
    replies: accepted,
    problems: [400, 404, 422],
    handler: async ({ body, principal, log }) => {
      checkOrder(body);
      const deps = as(principal);
      const now = deps.clock.now();
      const filter = {
        source: 'dead_letters' as const,
        subscription_id: body.subscription_id ?? null,
        tenant_id: deps.tenantAsked(body.tenant_id) ?? null,
        event_type: body.event_type ?? null,
        since: body.since ?? null,
        // What fails again while the job runs is not its own to replay.
        until: Math.min(body.until ?? now, now),
        ids: body.ids ?? null,
        statuses: [body.status],
      };
      return acceptedReply(await planReplay(deps, filter, optionsOf(body, deps), log), now);
    },
  });
}

function replaySubscription({ as }: RouteDeps): Route {
  return route({
    method: 'post',
    path: '/api/v1/subscriptions/{id}/replay',
    operation_id: 'replaySubscription',
    tag,
    summary: 'Deliver again what a subscription was sent, as a job',
    description:
      'Everything still in retention that was accepted before this call, came to an end and matches; each becomes one new delivery with the same `webhook-id`.',
    access: 'admin',
    params: idParams,
    body: { kind: 'json', schema: subscriptionBody },
    replies: accepted,
    problems: [400, 404, 409, 422],
    handler: async ({ params, body, principal, log }) => {
      checkOrder(body);
      const deps = as(principal);
      const subscription = await findSubscription(deps, params.id);
      assertDeliverable(subscription);
      const now = deps.clock.now();
      const filter = {
        source: 'events' as const,
        subscription_id: params.id,
        tenant_id: subscription.tenant_id,
        event_type: body.event_type ?? null,
        since: body.since ?? null,
        until: Math.min(body.until ?? now, now),
        ids: null,
        statuses: body.status === undefined ? ENDED : [body.status],
      };
      return acceptedReply(await planReplay(deps, filter, optionsOf(body, deps), log), now);
    },
  });
}

function list({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: PATH,
    operation_id: 'listReplays',
    tag,
    summary: 'List replays, newest first',
    description: 'A job is forgotten 30 days after it ended, or after it was planned if nobody started it.',
    access: 'read',
    query: listQuery,
    replies: { 200: { description: 'A page of them.', schema: listSchema } },
    problems: [400],
    handler: async ({ query: { tenant_id, state, ...page }, principal }) => {
      const deps = as(principal);
      const { data, next_cursor } = await deps.replays.list(defined({ tenant_id, state }), page);
      const now = deps.clock.now();
      return { status: 200, body: { data: data.map((replay) => toReplay(replay, now)), next_cursor } };
    },
  });
}

/** @throws HttpProblem 404 */
async function findReplay(deps: CallDeps, id: string): Promise<Replay> {
  const replay = await deps.replays.find(id);
  if (replay === null) throw notFound('replay');
  return replay;
}

function read({ as }: RouteDeps): Route {
  return route({
    method: 'get',
    path: `${PATH}/{id}`,
    operation_id: 'getReplay',
    tag,
    summary: 'Read how far a replay has come',
    access: 'read',
    params: idParams,
    replies: { 200: { description: 'The job.', schema: replaySchema } },
    problems: [404],
    handler: async ({ params, principal }) => {
      const deps = as(principal);
      const replay = await findReplay(deps, params.id);
      return { status: 200, body: toReplay(replay, deps.clock.now()) };
    },
  });
}

/** What may be done with a job, from which states, and to which it leads. */
const MOVES: readonly { verb: string; summary: string; from: readonly ReplayState[]; to: ReplayState }[] = [
  { verb: 'start', summary: 'Start a planned replay', from: ['planned'], to: 'running' },
  { verb: 'pause', summary: 'Pause a replay after the batch under way', from: ['running'], to: 'paused' },
  {
    verb: 'resume',
    summary: 'Go on with a replay that is paused or failed',
    from: ['paused', 'failed'],
    to: 'running',
  },
  {
    verb: 'cancel',
    summary: 'End a replay; what it has delivered already stays so',
    from: ['planned', 'running', 'paused', 'failed'],
    to: 'cancelled',
  },
];

function moves({ as }: RouteDeps): Route[] {
  return MOVES.map(({ verb, summary, from, to }) =>
    route({
      method: 'post',
      path: `${PATH}/{id}/${verb}`,
      operation_id: `${verb}Replay`,
      tag,
      summary,
      access: 'admin',
      params: idParams,
      replies: { 200: { description: 'The job as it is now.', schema: replaySchema } },
      problems: [404, 409],
      handler: async ({ params, principal, log }) => {
        const deps = as(principal);
        await findReplay(deps, params.id);
        const moved = await deps.replays.move(params.id, from, to);
        const replay = moved ?? (await findReplay(deps, params.id));
        if (moved === null && replay.state !== to) {
          throw new HttpProblem(409, 'replay-state', `The replay is ${replay.state}.`);
        }
        log.info({ event: `replay.${verb}`, replay_id: params.id, changed: moved !== null });
        return { status: 200, body: toReplay(replay, deps.clock.now()) };
      },
    }),
  );
}

export function replayRoutes(deps: RouteDeps): Route[] {
  return [replayDeadLetters(deps), replaySubscription(deps), list(deps), read(deps), ...moves(deps)];
}
