import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock, Logger } from '@milena/runtime';
import { ANSWERS } from './answers.ts';
import { inspect, sendJson } from './inspection.ts';
import { createReceivedStore, pathOf, type Capture, type Counts, type Received } from './received.ts';

export interface DemoReceiver {
  /** Rejects with the system's error, `EADDRINUSE` for one, when it can't listen. */
  start(): Promise<{ url: string }>;
  /** Cuts what is still being answered. */
  stop(): Promise<void>;
  /** The newest `keep` requests, newest first. */
  received(): readonly Received[];
  /** Since the start or the last `DELETE /`; of one path, without query, when given. */
  count(path?: string): Counts;
}

const KEPT_BODY_BYTES = 65_536;

function unknownPath(response: ServerResponse): number {
  const paths = Object.values(ANSWERS).map(({ usage, what }) => `${usage}: ${what}`);
  sendJson(response, 404, {
    error: 'unknown path',
    paths,
    'GET /': 'what came in',
    'GET /count': 'how much',
  });
  return 404;
}

/** Reads a body to its end and keeps the beginning; a request cut short is not passed on. */
function readBody(request: IncomingMessage, done: (body: Buffer, bytes: number) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    if (bytes < KEPT_BODY_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  });
  request.on('end', () => {
    const [first] = chunks;
    const body = chunks.length === 1 && first ? first : Buffer.concat(chunks);
    done(body.subarray(0, KEPT_BODY_BYTES), bytes);
  });
  request.on('error', () => undefined);
}

function urlOf({ address, family, port }: AddressInfo): string {
  if (address === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (address === '::') return `http://[::1]:${port}`;
  return family === 'IPv6' ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}

/**
 * An endpoint to try webhooks on: it answers as its path says and shows what it got.
 *
 * @param options.port 0 = any free one
 * @param options.keep how many requests it remembers, 1,000 unless given; counts go on beyond
 * @param options.onReceived called for each request before it is answered; the status is set once it is
 */
export function createDemoReceiver(options: {
  host: string;
  port: number;
  clock: Clock;
  logger?: Logger;
  keep?: number;
  onReceived?(capture: Readonly<Capture>, response: ServerResponse): void;
}): DemoReceiver {
  const { clock, logger } = options;
  const keep = options.keep ?? 1000;
  const store = createReceivedStore(keep);

  const server = createServer((request, response) => {
    const { method, url = '/', headers } = request;
    const path = pathOf(url);
    const query = new URLSearchParams(url.slice(path.length));
    if (inspect(store, request, response, path, query)) return;
    readBody(request, (body, bodyBytes) => {
      const [name = '', ...rest] = path.slice(1).split('/');
      const known = Object.hasOwn(ANSWERS, name) ? ANSWERS[name] : undefined;
      // Taken down before the answer goes out: whoever has the answer finds the request in the list.
      const capture: Capture = {
        receivedAt: clock.now(),
        method,
        url,
        headers,
        body,
        bodyBytes,
        status: null,
      };
      store.add(capture);
      options.onReceived?.(capture, response);
      capture.status = known
        ? known.answer({ request, response, query, rest, body, clock })
        : unknownPath(response);
      logger?.debug({ event: 'demo.received', method, path, status: capture.status });
    });
  });

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => {
          server.off('error', reject);
          resolve({ url: urlOf(server.address() as AddressInfo) });
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
    received: () => store.list(null, keep),
    count: (path) => store.count(path ?? null),
  };
}
