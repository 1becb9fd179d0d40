import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the target saw it. */
export interface Seen {
  event_id: string;
  attempt: number;
  /** What it was answered. */
  status: number;
}

/** How endpoints behave, by path; what they answer depends on the delivery and the attempt only. */
export type Behaviour = 'ok' | 'slow' | 'flaky' | 'dead';

/** Endpoints outside every process under test, that partly fail and remember every request. */
export interface Target {
  url(behaviour: Behaviour): string;
  /** By delivery id. */
  seen: ReadonlyMap<string, readonly Seen[]>;
  requests(): number;
  close(): void;
}

/** With a third, one of these endpoints fails six of its first ten attempts in every fourth scenario, and its breaker opens. */
const FLAKY_SHARE = 0.2;

/** In [0, 1), the same for the same delivery and attempt. */
function chance(delivery: string, attempt: number): number {
  return createHash('sha1').update(`${delivery}/${attempt}`).digest().readUInt16BE() / 65_536;
}

export async function startTarget(): Promise<Target> {
  const seen = new Map<string, Seen[]>();
  let requests = 0;
  const server = createServer((request, response) => {
    // Seen as soon as it is here: one that is given up by the time that a slow machine reads it has no end.
    const delivery = String(request.headers['x-milena-delivery-id']);
    const attempt = Number(request.headers['x-milena-attempt']);
    const draw = chance(delivery, attempt);
    const fails = request.url === '/dead' || (request.url === '/flaky' && draw < FLAKY_SHARE);
    const status = fails ? 503 : 200;
    const ofDelivery = seen.get(delivery) ?? [];
    seen.set(delivery, ofDelivery);
    ofDelivery.push({ event_id: String(request.headers['webhook-id']), attempt, status });
    requests += 1;
    const answer = (): void => {
      response.writeHead(status).end();
    };
    request.resume().on('end', () => {
      if (request.url === '/slow') setTimeout(answer, 20 + draw * 180);
      else answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (behaviour) => `http://127.0.0.1:${port}/${behaviour}`,
    seen,
    requests: () => requests,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
