import type { Clock, Logger } from '@milena/runtime';
import { createRedisConnection, type RedisConnection } from './connection.ts';
import { createOutageLog } from './outage-log.ts';

/** A subscribed connection takes no other commands, so there are two. */
export interface Redis {
  /** Begins every key and the channel's name; two systems with different ones share a server without meeting. */
  readonly prefix: string;
  readonly commands: RedisConnection;
  /** Listens to the one channel of invalidations. */
  readonly channel: RedisConnection;
  /** @throws RedisAwayError when one of the two is away: slower, not broken */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Longest that one read or write may wait for Redis. It answers in well under a millisecond; 150 is beyond its
 * pauses (a fork, a slow command of somebody else), and short beside the seconds that a caller has.
 */
const COMMAND_TIMEOUT_MS = 150;
/** Silence on the channel is noticed after the two together at the latest. */
const HEARTBEAT_MS = 1000;
const HEARTBEAT_TIMEOUT_MS = 1000;

/**
 * Opens both connections, in the background: a Redis that is away fails nothing, now or later. One Redis (7 or newer,
 * or 6), or whatever stands behind one address; not Redis Cluster. Nothing in it needs to be kept: no persistence, and
 * `maxmemory-policy volatile-ttl` where memory is limited.
 *
 * @param deps.url `redis://[user:password@]host:port[/db]`, `rediss://` for TLS
 * @throws TypeError when the URL is none of these
 */
export function openRedis(deps: {
  url: string;
  clock: Clock;
  logger: Logger;
  prefix?: string;
  commandTimeoutMs?: number;
}): Redis {
  const { url, clock, prefix = 'milena' } = deps;
  if (!['redis:', 'rediss:'].includes(new URL(url).protocol))
    throw new TypeError('a Redis URL begins with redis:// or rediss://');
  const outage = createOutageLog({ event: 'redis.unavailable', clock, logger: deps.logger });
  const partOf = (name: string) => ({
    url,
    clock,
    onUp: () => {
      outage.up(name);
    },
    onDown: (reason: string) => {
      outage.down(name, reason);
    },
  });
  const commands = createRedisConnection({
    ...partOf('commands'),
    deadlineMs: deps.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    // A write: a replica, a full or a loading server answers PING, but is of no use.
    prove: (client) => client.set(`${prefix}:proof`, '', 'PX', 1000),
  });
  const channel = createRedisConnection({
    ...partOf('channel'),
    deadlineMs: HEARTBEAT_TIMEOUT_MS,
    heartbeatMs: HEARTBEAT_MS,
    prove: (client) => client.subscribe(channelOf(prefix)),
  });
  return {
    prefix,
    commands,
    channel,
    check: async () => {
      await Promise.all([commands, channel].map((one) => one.run((client) => client.ping())));
    },
    close: async () => {
      outage.close();
      await Promise.all([commands.close(), channel.close()]);
    },
  };
}

/** The same in every release, so that while two of them run each hears the other. */
export function channelOf(prefix: string): string {
  return `${prefix}:invalidations`;
}
