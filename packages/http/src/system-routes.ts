import { takesWork, type ReadyReport } from '@milena/runtime';
import { z } from 'zod';
import { route, type Route } from './route.ts';

const healthSchema = z
  .object({ status: z.literal('up') })
  .meta({ id: 'Health', description: 'The process runs.' });

const readySchema = z
  .object({
    status: z.enum(['ready', 'degraded', 'unavailable', 'stopping']).meta({
      description: 'degraded: something is down that work can go on without.',
    }),
    checks: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['up', 'down']),
        required: z.boolean(),
        latency_ms: z.number(),
        error: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Ready', description: 'Each dependency with its state.' });

/** What every API has beside its own routes. */
export function systemRoutes(options: {
  ready?: () => Promise<ReadyReport>;
  document: () => object;
}): Route[] {
  const ready = options.ready ?? (() => Promise.resolve<ReadyReport>({ status: 'ready', checks: [] }));
  const common = { method: 'get', tag: 'System', access: 'open', problems: [] } as const;
  return [
    route({
      ...common,
      path: '/health',
      operation_id: 'getHealth',
      summary: 'Is the process up?',
      replies: { 200: { description: 'It is.', schema: healthSchema } },
      handler: () => Promise.resolve({ status: 200, body: { status: 'up' } }),
    }),
    route({
      ...common,
      path: '/ready',
      operation_id: 'getReady',
      summary: 'May work be sent here?',
      description: 'Asks every dependency now.',
      replies: {
        200: { description: 'Yes.', schema: readySchema },
        503: {
          description: 'No: something needed is down, or the process is stopping.',
          schema: readySchema,
        },
      },
      handler: async () => {
        const report = await ready();
        return { status: takesWork(report) ? 200 : 503, body: report };
      },
    }),
    route({
      ...common,
      path: '/openapi.json',
      operation_id: 'getOpenApi',
      summary: 'This document',
      replies: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
      handler: () => Promise.resolve({ status: 200, body: options.document() }),
    }),
  ];
}
