import type { IncomingMessage, ServerResponse } from 'node:http';
import { renderPage } from './page.ts';
import type { ReceivedStore } from './received.ts';

const DEFAULT_LIMIT = 100;

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    .end(`${JSON.stringify(value, null, 2)}\n`);
}

function list(
  store: ReceivedStore,
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): void {
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  const found = store.list(query.get('path'), Number.isInteger(limit) && limit >= 0 ? limit : DEFAULT_LIMIT);
  if (query.get('format') === 'html' || request.headers.accept?.includes('text/html') === true) {
    const policy = "default-src 'none'; style-src 'unsafe-inline'";
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy })
      .end(renderPage(found, store.count(null).requests));
    return;
  }
  const data = found.map((received) => ({
    ...received,
    received_at: new Date(received.received_at).toISOString(),
  }));
  sendJson(response, 200, { data });
}

function count(store: ReceivedStore, response: ServerResponse, query: URLSearchParams): void {
  const by = query.get('by') ?? 'webhook-id';
  const path = query.get('path');
  if (by === 'webhook-id') sendJson(response, 200, { path, by, ...store.count(path) });
  else sendJson(response, 400, { error: 'by must be webhook-id' });
}

/** Answers the calls that look at what came in: `GET /`, `GET /count`, `DELETE /`. False when it is none of them. */
export function inspect(
  store: ReceivedStore,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): boolean {
  if (request.method === 'GET' && path === '/') {
    list(store, request, response, query);
  } else if (request.method === 'GET' && path === '/count') {
    count(store, response, query);
  } else if (request.method === 'DELETE' && path === '/') {
    store.clear();
    response.writeHead(204).end();
  } else {
    return false;
  }
  return true;
}
