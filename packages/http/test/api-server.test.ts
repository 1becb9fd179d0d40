import { z } from 'zod';
import { idParam, route } from '../src/index.ts';
import { KEY, startServer, type TestServer } from './server.ts';

const bearer = { authorization: `Bearer ${KEY}` };

const thing = z
  .strictObject({
    name: z.string(),
    event_types: z.array(z.string().regex(/^[a-z]+$/)).default([]),
    headers: z.record(z.string(), z.string()).default({}),
  })
  .meta({ id: 'Thing' });

const routes = [
  route({
    method: 'post',
    path: '/things',
    operation_id: 'createThing',
    tag: 'Things',
    summary: 'Make one',
    access: 'admin',
    body: { kind: 'json', schema: thing, limit: 1000 },
    replies: { 201: { description: 'Made.', schema: thing } },
    problems: [],
    handler: (request) => Promise.resolve({ status: 201, body: request.body }),
  }),
  route({
    method: 'get',
    path: '/things/{id}',
    operation_id: 'getThing',
    tag: 'Things',
    summary: 'Read one',
    access: 'read',
    params: idParam,
    replies: { 200: { description: 'It.', schema: thing } },
    problems: [],
    handler: (request) => Promise.resolve({ status: 200, body: { name: request.params.id } }),
  }),
  route({
    method: 'post',
    path: '/raw/{id}',
    aliases: ['/also/raw/{id}'],
    operation_id: 'postRaw',
    tag: 'Things',
    summary: 'Echo',
    access: 'optional',
    params: idParam,
    body: {
      kind: 'raw',
      content_types: ['application/json', 'application/*+json'],
      limit: 100,
      description: 'Any JSON.',
      example: { a: 1 },
    },
    replies: { 200: { description: 'The bytes.', schema: null } },
    problems: [],
    handler: (request) => Promise.resolve({ status: 200, body: request.body }),
  }),
];

let server: TestServer;
beforeAll(async () => {
  server = await startServer(routes);
});
afterAll(() => server.stop());

const ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';

test('smoke', async () => {
  for (const [path, init] of [
    ['/health'],
    ['/ready'],
    ['/docs'],
    ['/docs/assets/swagger-ui-bundle.js'],
    ['/docs/assets/swagger-ui.min.css'],
    ['/openapi.json'],
    ['/nope'],
    ['/things'],
    ['/things/' + ID],
    ['/things/' + ID, { headers: bearer }],
    ['/things/x', { headers: bearer }],
    [
      '/things',
      { method: 'POST', headers: { ...bearer, 'content-type': 'application/json' }, body: '{"name":"a"}' },
    ],
    [
      '/things',
      {
        method: 'POST',
        headers: { ...bearer, 'content-type': 'application/json' },
        body: '{"name":"a",\n "b" 1}',
      },
    ],
    [
      '/things',
      {
        method: 'POST',
        headers: { ...bearer, 'content-type': 'application/json' },
        body: '{"nam":"a","event_types":["a",1,"B"],"headers":{"x-shop":1}}',
      },
    ],
    ['/things', { method: 'POST', headers: { ...bearer } }],
    ['/raw/' + ID, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{ "a": 1 }' }],
    [
      '/also/raw/' + ID,
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: 'x'.repeat(101) },
    ],
  ] as [string, RequestInit?][]) {
    const reply = await server.call(path, init);
    const text = await reply.text();
    process.stderr.write(
      `${path} ${reply.status} ${reply.headers.get('content-type')} ${text.slice(0, 700)}\n`,
    );
  }
  process.stderr.write(
    server.logs
      .map((l) => JSON.stringify(l))
      .slice(-3)
      .join('\n'),
  );
});
