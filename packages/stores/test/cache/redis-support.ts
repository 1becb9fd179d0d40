import { randomBytes } from 'node:crypto';
import { createLogger, createMetrics, type Clock } from '@milena/runtime';
import {
  createRedisInvalidationBus,
  createRedisLiveSubscriptions,
  createSubscriptionDirectory,
  openRedis,
  type Redis,
} from '../../src/cache/index.ts';
import type { LiveSubscriptionStore } from '../../src/ports.ts';
import { eventually } from '../support/eventually.ts';

export const secretsKey = randomBytes(32);

/** Keys of their own, which expire by themselves. */
export const newPrefix = (): string => `milena-test-${randomBytes(6).toString('hex')}`;

export const isUp = (redis: Redis): boolean =>
  redis.commands.session() !== null && redis.channel.session() !== null;

/** Everything of the cache that one process has. */
export function openProcess(deps: {
  url: string;
  prefix: string;
  live: LiveSubscriptionStore;
  clock: Clock;
  secretsKey?: Buffer;
}) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics();
  const redis = openRedis({ ...deps, logger });
  const bus = createRedisInvalidationBus({ redis });
  const live = createRedisLiveSubscriptions({ secretsKey, ...deps, redis, metrics });
  const directory = createSubscriptionDirectory({ live, bus, clock: deps.clock, random: () => 0 });
  const lookups = async () => {
    const { values } = await metrics.cacheLookups.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.result, value]));
  };
  return {
    redis,
    bus,
    live,
    directory,
    lines,
    lookups,
    up: () => eventually('Redis is up', () => isUp(redis)),
    close: async () => {
      await directory.close();
      await redis.close();
    },
  };
}
export type Process = ReturnType<typeof openProcess>;
