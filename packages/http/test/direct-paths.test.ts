import { createDirectPaths } from '../src/direct-paths.ts';

const ingest = { method: 'POST', path: '/ingest/{id}', target: 'ingest' };

test('finds an endpoint by method and path, with its parameters decoded', () => {
  const find = createDirectPaths([ingest], [ingest]);
  expect(find('POST', '/ingest/a%20b?x=/ingest/c')).toEqual({ target: 'ingest', params: { id: 'a b' } });
  expect(find('POST', '/ingest/a/')).toEqual({ target: 'ingest', params: { id: 'a' } });
  expect(find('POST', '/ingest/%E0%A4%A')).toEqual({ target: 'ingest', params: { id: '%E0%A4%A' } });
});

test.each([
  ['GET', '/ingest/a'],
  ['POST', '/ingest'],
  ['POST', '/ingest/'],
  ['POST', '/ingest/a/b'],
  ['POST', '/x/ingest/a'],
])('leaves %s %s to the router', (method, url) => {
  expect(createDirectPaths([ingest], [ingest])(method, url)).toBeNull();
});

test('never takes a path that another endpoint has for its own', () => {
  const batch = { method: 'POST', path: '/ingest/batch' };
  expect(createDirectPaths([ingest], [ingest, batch])('POST', '/ingest/a')).toBeNull();
  expect(
    createDirectPaths([ingest], [ingest, { ...batch, method: 'GET' }])('POST', '/ingest/a'),
  ).not.toBeNull();
});
