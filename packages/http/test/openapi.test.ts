import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { route } from '../src/index.ts';
import { createThing, echo, getThing, listThings } from './routes.ts';
import { startServer, type TestServer } from './server.ts';

const patch = route({
  method: 'patch',
  path: '/things/{id}',
  operation_id: 'patchThing',
  tag: 'Things',
  summary: 'Change one',
  access: 'admin',
  params: z.object({ id: z.uuid() }),
  body: { kind: 'json', schema: z.strictObject({ name: z.string() }).meta({ id: 'Change' }) },
  replies: { 204: { description: 'Changed.', schema: null } },
  problems: [404, 412],
  handler: () => Promise.resolve({ status: 204 }),
});

/* eslint-disable @typescript-eslint/no-explicit-any -- the document is looked into at many depths */
let server: TestServer;
let document: any;
beforeAll(async () => {
  server = await startServer([createThing, listThings, getThing, patch, echo], {
    serverUrl: 'https://api.test',
  });
  document = (await server.call('/openapi.json')).body;
});
afterAll(() => server.stop());

/** The validator is an ES module, which this runner loads only in a process of its own. */
function validate(text: string): Promise<{ valid: boolean; errors?: unknown }> {
  const validator = pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')).href;
  const script = `
    import { Validator } from '${validator}';
    const chunks = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    console.log(JSON.stringify(await new Validator().validate(JSON.parse(Buffer.concat(chunks).toString()))));`;
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '-e', script];
    const child = execFile(process.execPath, args, { cwd: __dirname }, (error, stdout) => {
      if (error) reject(new Error(error.message));
      else resolve(JSON.parse(stdout) as { valid: boolean });
    });
    child.stdin?.end(text);
  });
}

test('the document is valid OpenAPI 3.1', async () => {
  expect(document.openapi).toBe('3.1.0');
  expect(await validate(JSON.stringify(document))).toEqual({ valid: true });
  expect((await validate(JSON.stringify({ ...document, info: {} }))).valid).toBe(false);
});

test('every reference in it leads somewhere', () => {
  const refs: string[] = [];
  JSON.stringify(document, (key, value: unknown) => {
    if (key === '$ref') refs.push(value as string);
    return value;
  });
  expect(refs.length).toBeGreaterThan(20);
  for (const ref of refs) {
    const target = ref
      .slice(2)
      .split('/')
      .reduce((inner: any, part) => inner?.[part], document);
    expect([ref, typeof target]).toEqual([ref, 'object']);
  }
});

test('every route is in it with its parameters, body, replies and scope', () => {
  const list = document.paths['/things'].get;
  expect(list.parameters.map((p: any) => [p.name, p.in, p.required ?? false])).toEqual([
    ['limit', 'query', false],
    ['cursor', 'query', false],
    ['name', 'query', false],
  ]);
  expect(list.parameters[0].schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 100, default: 20 });
  expect(list.security).toEqual([{ bearer: ['read'] }]);

  const get = document.paths['/things/{id}'].get;
  expect(get.parameters).toEqual([expect.objectContaining({ name: 'id', in: 'path', required: true })]);

  const raw = document.paths['/raw/{id}'].post;
  expect(raw.parameters).toContainEqual(
    expect.objectContaining({ name: 'X-Event-Type', in: 'header', example: 'order.created' }),
  );
  expect(raw.requestBody.content['application/json'].example).toEqual({ a: 1 });
  expect(raw.requestBody.description).toContain('100 bytes');
  expect(raw.security).toEqual([{}, { bearer: [] }]);
  expect(document.paths['/also/raw/{id}']).toBeUndefined();
  expect(document.paths['/health'].get.security).toEqual([]);
  expect(document.servers).toEqual([{ url: 'https://api.test' }]);
});

test('a schema with defaults reads differently in requests and replies, one without is written once', () => {
  const { schemas } = document.components;
  expect(schemas.ThingInput.required).toEqual(['name']);
  expect(schemas.Thing.required).toEqual(['name', 'event_types', 'headers']);
  const { post } = document.paths['/things'];
  expect(post.requestBody.content['application/json'].schema).toEqual({
    $ref: '#/components/schemas/ThingInput',
  });
  expect(post.responses['201'].content['application/json'].schema).toEqual({
    $ref: '#/components/schemas/Thing',
  });
  expect(Object.keys(schemas)).toContain('Change');
  expect(Object.keys(schemas)).not.toContain('ChangeInput');
});

test('what the server itself may refuse is documented without being listed', () => {
  const statuses = (path: string, method: string): string[] =>
    Object.keys(document.paths[path][method].responses);
  expect(statuses('/things', 'post')).toEqual([
    '201',
    '400',
    '401',
    '403',
    '404',
    '409',
    '413',
    '415',
    '422',
    '429',
    '500',
    '503',
  ]);
  expect(statuses('/things/{id}', 'get')).toEqual(['200', '401', '403', '404', '429', '500', '503']);
  expect(statuses('/raw/{id}', 'post')).toEqual([
    '200',
    '400',
    '401',
    '404',
    '413',
    '415',
    '429',
    '500',
    '503',
  ]);
  expect(document.components.responses.Problem401).toMatchObject({
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    headers: { 'WWW-Authenticate': expect.anything() },
  });
});
