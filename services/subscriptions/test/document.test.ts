import { startApi, type Api, type Json } from './support/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi({ apiKey: 'a-first-key-for-tests' });
});
afterAll(() => api.stop());

function operations(): [path: string, method: string, operation: Json][] {
  const { paths } = api.document as { paths: Record<string, Record<string, Json>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Json] => [path, method, operation]),
  );
}

const exampleOf = (schema: Json): unknown => schema.example ?? schema.examples?.[0];

test('every body has an example, and the API takes it as it stands', async () => {
  let tried = 0;
  for (const [path, method, { requestBody }] of operations()) {
    if (requestBody === undefined) continue;
    const { schema } = requestBody.content['application/json'];
    const name = /^#\/components\/schemas\/(.+)$/.exec(schema.$ref)?.[1] ?? '';
    const example = exampleOf((api.document as Json).components.schemas[name]);
    expect([path, method, typeof example]).toEqual([path, method, 'object']);
    const { id } = await api.subscribe();
    const { status, body } = await api.call(method.toUpperCase(), path.replace('{id}', id), example);
    expect([path, method, status < 300, body.errors]).toEqual([path, method, true, undefined]);
    tried += 1;
  }
  expect(tried).toBe(8);
});

test('every example of a query parameter is taken', async () => {
  const { id } = await api.subscribe();
  for (const [path, method, { parameters = [] }] of operations()) {
    if (method !== 'get' || path.endsWith('/stream')) continue;
    for (const { name, in: place, schema } of parameters) {
      const example = place === 'query' ? (exampleOf(schema) as string | number | undefined) : undefined;
      if (example === undefined) continue;
      const query = `${String(name)}=${encodeURIComponent(example)}`;
      const { status } = await api.call('GET', `${path.replace('{id}', id)}?${query}`);
      expect([path, query, [200, 404].includes(status)]).toEqual([path, query, true]);
    }
  }
});

test('every operation has a name of its own, and what it may answer', () => {
  const names = operations().map(([, , operation]) => operation.operationId as string);
  expect(new Set(names).size).toBe(names.length);
  for (const [path, method, { responses }] of operations()) {
    const success = Object.keys(responses).filter((status) => status < '400');
    expect([path, method, success.length > 0]).toEqual([path, method, true]);
  }
});
