import { Client } from 'undici';
import type { Connect } from './connect.ts';
import type { Exchange } from './exchange.ts';
import { PostFailure } from './failure.ts';
import type { Target } from './target.ts';

/** An idle connection is closed after this time; servers close theirs after 5 s or more, so ours is rarely stale. */
export const KEEP_ALIVE_MS = 4000;
/** Larger response headers are refused as no valid response. */
const MAX_HEADER_BYTES = 16_384;
/** Node reads the stack of what a socket is destroyed with. That of one error for all is made once, not for each timeout. */
const DESTROYED = new Error('It was closed from this side');

/** At most one open connection to one origin, for one exchange at a time. */
export interface Connection {
  readonly origin: string;
  /** Sends the exchange's request once, connecting first when there is no open connection. */
  run(exchange: Exchange, target: Target, headers: string[]): void;
  /** The exchange is over: forgets it. */
  rest(): void;
  /** Cuts the exchange short that is under way, if one is. */
  cut(reason: Error): void;
  /** Closes it at once; resolves when its socket is gone. What runs on it hears an error. */
  destroy(): Promise<void>;
}

/**
 * One undici `Client` per connection rather than its `Pool`: so an exchange knows the one connection attempt made for
 * it, a deadline ends a connection attempt too, and a POST can't be sent again on another connection. It is also
 * cheaper per POST.
 *
 * @param onClose the open connection was closed, by either side
 */
export function createConnection(target: Target, connect: Connect, onClose: () => void): Connection {
  const { origin } = target;
  let current: Exchange | null = null;
  let abandonConnect: (() => void) | null = null;
  let address: string | null = null;

  const client = new Client(origin, {
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connect: (_options, callback) => {
      if (current === null) {
        callback(new PostFailure('connect', 'Nothing to connect for.'), null);
        return;
      }
      const exchange = current;
      abandonConnect = connect(target, exchange, (failure, socket) => {
        abandonConnect = null;
        address = exchange.resolved_address;
        if (socket) callback(null, socket);
        else callback(failure ?? new PostFailure('connect', 'No connection came about.'), null);
      });
    },
  });
  client.on('disconnect', onClose);

  return {
    origin,
    run: (exchange, { path }, headers) => {
      current = exchange;
      exchange.resolved_address = address;
      client.dispatch({ path, method: 'POST', headers, body: exchange.request.body }, exchange);
    },
    rest: () => {
      current = null;
    },
    cut: (reason) => {
      current?.cut(reason);
    },
    destroy: () => {
      abandonConnect?.();
      return client.destroy(DESTROYED);
    },
  };
}
