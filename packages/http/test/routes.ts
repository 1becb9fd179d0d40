import { z } from 'zod';
import { idParam, pageOf, pageQuery, route, type Access, type Route, type RouteReply } from '../src/index.ts';

const thing = z
  .strictObject({
    name: z.string().min(1),
    event_types: z.array(z.string().regex(/^[a-z]+$/)).default([]),
    headers: z.record(z.string(), z.string()).default({}),
  })
  .meta({ id: 'Thing', description: 'Something.' });

export const createThing = route({
  method: 'post',
  path: '/things',
  operation_id: 'createThing',
  tag: 'Things',
  summary: 'Make one',
  access: 'admin',
  body: { kind: 'json', schema: thing, limit: 1000 },
  replies: { 201: { description: 'Made.', schema: thing, headers: { Location: { description: 'Where.' } } } },
  problems: [409],
  handler: (request) =>
    Promise.resolve({ status: 201, body: request.body, headers: { location: '/things/1' } }),
});

export const listThings = route({
  method: 'get',
  path: '/things',
  operation_id: 'listThings',
  tag: 'Things',
  summary: 'Page through them',
  access: 'read',
  query: pageQuery.extend({ name: z.string().optional().meta({ description: 'Only this name.' }) }),
  replies: { 200: { description: 'A page.', schema: pageOf(thing).extend({ asked: z.unknown() }) } },
  problems: [],
  handler: (request) =>
    Promise.resolve({ status: 200, body: { data: [], next_cursor: null, asked: request.query } }),
});

export const getThing = route({
  method: 'get',
  path: '/things/{id}',
  operation_id: 'getThing',
  tag: 'Things',
  summary: 'Read one',
  access: 'read',
  params: idParam,
  replies: { 200: { description: 'It.', schema: z.object({ id: z.uuid(), caller: z.string().nullable() }) } },
  problems: [],
  handler: ({ params, principal }) =>
    Promise.resolve({ status: 200, body: { id: params.id, caller: principal?.name ?? null } }),
});

/** Gives the bytes back. */
export const echo = route({
  method: 'post',
  path: '/raw/{id}',
  aliases: ['/also/raw/{id}'],
  operation_id: 'postRaw',
  tag: 'Raw',
  summary: 'Echo',
  access: 'optional',
  params: idParam,
  headers: { 'X-Event-Type': { description: 'The type.', example: 'order.created' } },
  body: {
    kind: 'raw',
    content_types: ['application/json', 'application/*+json'],
    limit: 100,
    description: 'Any JSON.',
    example: { a: 1 },
  },
  replies: { 200: { description: 'The bytes.', schema: null, content_type: 'application/octet-stream' } },
  problems: [],
  handler: (request) =>
    Promise.resolve({
      status: 200,
      body: request.body as unknown as Buffer,
      headers: { 'x-caller': request.principal?.name ?? 'nobody' },
    }),
});

/** A GET that does what it is told. */
export function plain(path: string, access: Access, handler: () => Promise<RouteReply>): Route {
  return route({
    method: 'get',
    path,
    operation_id: `get${path.replaceAll(/\W/g, '_')}`,
    tag: 'Plain',
    summary: 'Does what it is told',
    access,
    replies: {
      200: { description: 'Done.', schema: z.unknown(), content_type: 'text/plain' },
      204: { description: 'Nothing.', schema: null },
    },
    problems: [409],
    handler,
  });
}
