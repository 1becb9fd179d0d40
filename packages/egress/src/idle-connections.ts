import type { Connection } from './connection.ts';

/** Open connections that wait for the next POST. */
interface IdleConnections {
  /** The one used last, so that those no longer needed run into their keep-alive limit. */
  take(origin: string): Connection | undefined;
  /** False: there are enough of them, close it. */
  put(connection: Connection): boolean;
  /** True when it was among them. */
  remove(connection: Connection): boolean;
  all(): Connection[];
}

export function createIdleConnections(limit: number): IdleConnections {
  const byOrigin = new Map<string, Connection[]>();
  let size = 0;

  return {
    take: (origin) => {
      const connections = byOrigin.get(origin);
      const connection = connections?.pop();
      if (connection) size -= 1;
      if (connections?.length === 0) byOrigin.delete(origin);
      return connection;
    },
    put: (connection) => {
      if (size >= limit) return false;
      size += 1;
      const connections = byOrigin.get(connection.origin);
      if (connections) connections.push(connection);
      else byOrigin.set(connection.origin, [connection]);
      return true;
    },
    remove: (connection) => {
      const connections = byOrigin.get(connection.origin);
      const index = connections?.indexOf(connection) ?? -1;
      if (connections === undefined || index < 0) return false;
      size -= 1;
      connections.splice(index, 1);
      if (connections.length === 0) byOrigin.delete(connection.origin);
      return true;
    },
    all: () => [...byOrigin.values()].flat(),
  };
}
