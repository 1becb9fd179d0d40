import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

/** One request as the receiver got it. */
export interface Received {
  /** ms since the epoch; RFC 3339 in the JSON list. */
  received_at: number;
  method: string;
  /** With the query, as sent. */
  path: string;
  /** Lower-cased names. */
  headers: Record<string, string>;
  /** The body's first 64 KiB as text; lossy when it is not UTF-8. */
  body: string;
  /** The same bytes in base64 when they are not UTF-8, otherwise null. */
  body_base64: string | null;
  /** Size of the whole body. */
  body_bytes: number;
  /** Status that was answered; null when the connection was reset instead. */
  status: number | null;
}

/** What is kept of a request until somebody looks at it: nothing is decoded before. */
export interface Capture {
  receivedAt: number;
  method: string | undefined;
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  bodyBytes: number;
  status: number | null;
}

export interface Counts {
  requests: number;
  /** Different `webhook-id` headers among them. */
  distinct: number;
  /** True once there were more ids or paths than are counted: `distinct` is then too low. */
  truncated: boolean;
}

const COUNTED_IDS = 1_000_000;
const COUNTED_PATHS = 10_000;

function decode(capture: Capture): Received {
  const { body } = capture;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(capture.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
  }
  return {
    received_at: capture.receivedAt,
    method: capture.method ?? '',
    path: capture.url,
    headers,
    body: body.toString('utf8'),
    body_base64: isUtf8(body) ? null : body.toString('base64'),
    body_bytes: capture.bodyBytes,
    status: capture.status,
  };
}

/** The path without its query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

export interface ReceivedStore {
  add(capture: Capture): void;
  /** Newest first; of one path only (without query) when given. */
  list(path: string | null, limit: number): Received[];
  /** Over everything since the start or the last `clear`, not only what is still kept. */
  count(path: string | null): Counts;
  clear(): void;
}

/** Keeps the newest `keep` requests, and counts all of them. */
export function createReceivedStore(keep: number): ReceivedStore {
  let captures: Capture[] = [];
  let byPath = new Map<string, { requests: number; ids: Set<string> }>();
  let requests = 0;
  let ids = 0;
  let truncated = false;

  const newest = (): Capture[] => captures.slice(Math.max(0, captures.length - keep));

  function countOne({ url, headers }: Capture): void {
    requests += 1;
    const path = pathOf(url);
    let entry = byPath.get(path);
    if (!entry) {
      if (byPath.size >= COUNTED_PATHS) {
        truncated = true;
        return;
      }
      entry = { requests: 0, ids: new Set() };
      byPath.set(path, entry);
    }
    entry.requests += 1;
    const id = headers['webhook-id'];
    if (typeof id !== 'string' || entry.ids.has(id)) return;
    if (ids >= COUNTED_IDS) {
      truncated = true;
      return;
    }
    ids += 1;
    entry.ids.add(id);
  }

  return {
    add: (capture) => {
      countOne(capture);
      captures.push(capture);
      // Cut in blocks: moving the array for every request would cost more than the request.
      if (captures.length >= keep * 2) captures = newest();
    },
    list: (path, limit) => {
      const kept = newest().reverse();
      const wanted = path === null ? kept : kept.filter(({ url }) => pathOf(url) === path);
      return wanted.slice(0, limit).map(decode);
    },
    count: (path) => {
      if (path !== null) {
        const entry = byPath.get(path);
        return { requests: entry?.requests ?? 0, distinct: entry?.ids.size ?? 0, truncated };
      }
      const all = new Set<string>();
      for (const entry of byPath.values()) for (const id of entry.ids) all.add(id);
      return { requests, distinct: all.size, truncated };
    },
    clear: () => {
      captures = [];
      byPath = new Map();
      requests = 0;
      ids = 0;
      truncated = false;
    },
  };
}
