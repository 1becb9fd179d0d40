import { ContractError, createContractChecker } from '../src/openapi.ts';

const document = {
  openapi: '3.1.0',
  servers: [{ url: 'http://127.0.0.1:1/base' }],
  paths: {
    '/things/{id}': {
      get: {
        responses: {
          200: {
            description: 'A thing.',
            headers: { ETag: { schema: { type: 'string' } } },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
          },
          304: { description: 'Not modified.' },
          404: { $ref: '#/components/responses/Problem' },
        },
      },
      delete: { responses: { 204: { description: 'Gone.' } } },
    },
    '/things/all': {
      get: { responses: { 200: { description: 'Bytes.', content: { '*/*': { schema: {} } } } } },
    },
  },
  components: {
    responses: {
      Problem: {
        description: 'A problem.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    schemas: {
      Thing: {
        type: 'object',
        properties: {
          id: { type: 'string', format: 'uuid' },
          at: { type: 'string', format: 'date-time' },
        },
        required: ['id'],
        additionalProperties: false,
      },
      Problem: { type: 'object', properties: { status: { const: 404 } }, required: ['status'] },
    },
  },
};

const json = { 'Content-Type': 'application/json; charset=utf-8', etag: '"1"' };
const good = { id: '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f', at: '2026-01-01T00:00:00.000Z' };
const reply = {
  method: 'GET',
  path: '/base/things/1?x=1',
  status: 200,
  headers: json,
  body: good as unknown,
};
const check = createContractChecker(document);

test.each([
  ['a body that fits', {}],
  ['a whole URL', { path: 'http://127.0.0.1:1/base/things/1' }],
  ['no body where none is documented', { status: 304, body: '' }],
  ['no body after a delete', { method: 'delete', status: 204, body: undefined }],
  [
    'a problem behind a reference',
    { status: 404, headers: { 'content-type': 'application/problem+json' }, body: { status: 404 } },
  ],
  [
    'any type where any is documented',
    { path: '/base/things/all', headers: { 'content-type': 'a/b' }, body: 'x' },
  ],
])('passes: %s', (_what, over) => {
  expect(() => {
    check({ ...reply, ...over });
  }).not.toThrow();
});

test.each([
  ['a path that is not documented', { path: '/base/other' }, 'path'],
  ['a path below a documented one', { path: '/base/things/1/more' }, 'path'],
  ['a method that is not documented', { method: 'PUT' }, 'method'],
  ['a status that is not documented', { status: 201 }, 'status'],
  ['a body where none is documented', { status: 304, body: good }, 'none is documented'],
  ['a missing field', { body: {} }, "required property 'id'"],
  ['a field too many', { body: { ...good, secret: 'x' } }, 'additional properties'],
  ['a wrong format', { body: { ...good, at: 'yesterday' } }, 'date-time'],
  ['a missing body', { body: undefined }, 'must be object'],
  ['another content type', { headers: { ...json, 'Content-Type': 'text/html' } }, 'text/html'],
  ['no content type', { headers: { etag: '"1"' } }, 'content type'],
  ['a missing header', { headers: { 'content-type': 'application/json' } }, 'ETag'],
  [
    'a problem of another status',
    { status: 404, headers: { 'content-type': 'application/problem+json' }, body: { status: 500 } },
    'constant',
  ],
])('throws: %s', (_what, over, part) => {
  const run = (): void => {
    check({ ...reply, ...over });
  };
  expect(run).toThrow(ContractError);
  expect(run).toThrow(part);
});
