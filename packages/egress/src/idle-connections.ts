import type { Clock } from '@milena/runtime';
import type { Connection } from './connection.ts';

/** Open connections that wait for the next POST. */
interface IdleConnections {
  /** The one used last, so that those no longer needed run into their keep-alive limit. */
  take(origin: string): Connection | undefined;
  /** False: there are enough of them, close it. */
  put(connection: Connection): boolean;
  /** True when it was among them. */
  remove(connection: Connection): boolean;
}

interface Idle {
  connection: Connection;
  since: number;
}

/**
 * One that has been idle for longer than `longestMs` is not taken, but given to `onStale`. undici's timers would close it,
 * but they count turns rather than time, and after a process was held up, or its machine asleep, the peer may have closed
 * it long ago. The POST would be lost, and can't be sent again: nobody knows how far it got.
 */
export function createIdleConnections(options: {
  limit: number;
  longestMs: number;
  clock: Clock;
  onStale: (connection: Connection) => void;
}): IdleConnections {
  const { limit, longestMs, clock, onStale } = options;
  const byOrigin = new Map<string, Idle[]>();
  let size = 0;

  return {
    take: (origin) => {
      const waiting = byOrigin.get(origin) ?? [];
      const latest = waiting.pop();
      if (latest === undefined) return undefined;
      size -= 1;
      if (clock.now() - latest.since <= longestMs) {
        if (waiting.length === 0) byOrigin.delete(origin);
        return latest.connection;
      }
      // The others have been idle for longer still.
      size -= waiting.length;
      byOrigin.delete(origin);
      for (const { connection } of [latest, ...waiting]) onStale(connection);
      return undefined;
    },
    put: (connection) => {
      if (size >= limit) return false;
      size += 1;
      const idle = { connection, since: clock.now() };
      const waiting = byOrigin.get(connection.origin);
      if (waiting) waiting.push(idle);
      else byOrigin.set(connection.origin, [idle]);
      return true;
    },
    remove: (connection) => {
      const waiting = byOrigin.get(connection.origin);
      const index = waiting?.findIndex((idle) => idle.connection === connection) ?? -1;
      if (waiting === undefined || index < 0) return false;
      size -= 1;
      waiting.splice(index, 1);
      if (waiting.length === 0) byOrigin.delete(connection.origin);
      return true;
    },
  };
}
