import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@milena/runtime';

/** A request that was read to its end and is to be answered. */
interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  /** What follows the first part of the path: `503` in `/status/503`. */
  rest: string[];
  /** First 64 KiB. */
  body: Buffer;
  clock: Clock;
}

/** Answers, and tells the status it answered with; null when the connection is reset instead. */
type Answer = (call: Call) => number | null;

const DRIP_MS = 100;
const BIG_CHUNK = Buffer.alloc(65_536, 'milena. ');

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): number {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(body);
  return status;
}

/** A number of the query within bounds; anything else reads as the fallback. */
function numberOf(query: URLSearchParams, name: string, fallback: number, max: number): number {
  const value = Number(query.get(name) ?? fallback);
  return Number.isFinite(value) && value >= 0 && value <= max ? value : fallback;
}

const DAY_MS = 86_400_000;

function status({ response, rest }: Call): number {
  const code = Number(rest[0]);
  const valid = Number.isInteger(code) && code >= 200 && code <= 599;
  return valid
    ? send(response, code, `${code}\n`)
    : send(response, 400, 'write /status/200 to /status/599\n');
}

function slow({ response, query, clock }: Call): number {
  const cancel = clock.after(numberOf(query, 'ms', 1000, DAY_MS), () => send(response, 200, 'ok, slowly\n'));
  response.once('close', cancel);
  return 200;
}

/** The headers at once, then one byte every 100 ms: until `ms` are over, or for ever. */
function drip({ response, query, clock }: Call): number {
  const endsAt = query.has('ms') ? clock.now() + numberOf(query, 'ms', 1000, DAY_MS) : Infinity;
  let cancel = (): void => undefined;
  const next = (): void => {
    if (clock.now() >= endsAt) {
      response.end();
      return;
    }
    response.write('.');
    cancel = clock.after(DRIP_MS, next);
  };
  response.once('close', () => {
    cancel();
  });
  response.writeHead(200, { 'content-type': 'text/plain' });
  next();
  return 200;
}

function reset({ request, response, query }: Call): number | null {
  if (query.get('after') !== 'headers') {
    request.socket.resetAndDestroy();
    return null;
  }
  // The reset waits for the bytes to be with the system; otherwise it would overtake them.
  response.writeHead(200, { 'content-length': '1000' }).write('a beginning', () => {
    request.socket.resetAndDestroy();
  });
  return 200;
}

function retryAfter({ response, query, clock }: Call): number {
  const seconds = Math.ceil(numberOf(query, 's', 30, DAY_MS / 1000));
  const asDate = query.get('date') === '1';
  const value = asDate ? new Date(clock.now() + seconds * 1000).toUTCString() : String(seconds);
  const code = query.get('status') === '503' ? 503 : 429;
  return send(response, code, `come back after ${value}\n`, { 'retry-after': value });
}

function flaky({ response, query }: Call): number {
  const fails = Math.random() < numberOf(query, 'p', 0.5, 1);
  return fails ? send(response, 500, 'bad luck\n') : send(response, 200, 'ok, this time\n');
}

/** As many bytes as asked for, no faster than they are taken. */
function big({ response, query }: Call): number {
  let left = Math.floor(numberOf(query, 'bytes', 1_000_000, 1e12));
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': String(left) });
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const chunk = left < BIG_CHUNK.length ? BIG_CHUNK.subarray(0, left) : BIG_CHUNK;
      left -= chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
  return 200;
}

function redirect({ response, query }: Call): number {
  // Node refuses header values with control characters or characters above 0xff; what was encoded already stays so.
  const location = encodeURI(query.get('to') ?? '/ok').replaceAll('%25', '%');
  return send(response, 302, `see ${location}\n`, { location });
}

function echo({ request, response, body }: Call): number {
  const type = request.headers['content-type'] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': String(body.length) }).end(body);
  return 200;
}

/** By the first part of the path; more parts may follow, so that `/ok/orders` and `/ok/users` can be told apart. */
export const ANSWERS: Readonly<Record<string, { usage: string; what: string; answer: Answer }>> = {
  ok: { usage: '/ok', what: '200', answer: ({ response }) => send(response, 200, 'ok\n') },
  status: { usage: '/status/503', what: 'that status', answer: status },
  slow: { usage: '/slow?ms=1000', what: '200 after that time', answer: slow },
  drip: { usage: '/drip?ms=5000', what: '200, a byte at a time; without ms for ever', answer: drip },
  reset: {
    usage: '/reset?after=headers',
    what: 'resets the connection; without after before a reply',
    answer: reset,
  },
  gone: { usage: '/gone', what: '410', answer: ({ response }) => send(response, 410, 'gone\n') },
  'retry-after': {
    usage: '/retry-after?s=30&date=1&status=503',
    what: '429 or 503 with Retry-After, as a date with date=1',
    answer: retryAfter,
  },
  flaky: { usage: '/flaky?p=0.5', what: '500 with that probability, otherwise 200', answer: flaky },
  big: { usage: '/big?bytes=1000000', what: '200 with a body of that size', answer: big },
  redirect: { usage: '/redirect?to=/ok', what: '302 to there', answer: redirect },
  echo: { usage: '/echo', what: '200 with the body that came (its first 64 KiB)', answer: echo },
};
