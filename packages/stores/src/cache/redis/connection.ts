import { Redis as Client } from 'ioredis';
import type { CancelTimer, Clock } from '@milena/runtime';
import { createReplies, RedisAwayError } from './replies.ts';

interface ConnectionWatcher {
  /** A session began; commands given from here go ahead of everybody else's. */
  up?(): void;
  /** The session ended. */
  down?(): void;
  message?(text: string): void;
}

export interface RedisConnection {
  /** Another number for every connection that was made and proved to work; null while there is none. */
  session(): number | null;
  /** @throws RedisAwayError at once while there is no session, after the deadline at the latest */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  watch(watcher: ConnectionWatcher): void;
  /** Whoever still waits for a reply is told that Redis is away. */
  close(): Promise<void>;
}

interface ConnectionDeps {
  url: string;
  clock: Clock;
  /** Of every command. */
  deadlineMs: number;
  /** The first command on each connection: only when it succeeded is the connection of use. */
  prove(client: Client): Promise<unknown>;
  /** Time between PINGs on a connection that only listens, and would never notice that there is nothing to hear. */
  heartbeatMs?: number;
  onUp(): void;
  onDown(reason: string): void;
}

/** A session must last this long before the waits start anew: a Redis that is slow off and on is left alone most of the time. */
const STABLE_MS = 5000;

/**
 * One connection that is given up at the first command without a reply in time, and made again for ever. Commands are
 * never queued: while there is no session they fail at once. So of all who use it only those who are waiting when Redis
 * falls silent wait for the deadline, once; it is our own proof, not a user's command, that finds out when it is back.
 */
export function createRedisConnection(deps: ConnectionDeps): RedisConnection {
  const watchers = new Set<ConnectionWatcher>();
  const replies = createReplies(deps.clock, deps.deadlineMs);
  const state = { up: false, closed: false, sessions: 0, failures: 0, reason: 'not connected yet' };
  const client = createClient(deps.url, {
    failed: () => (state.failures += 1),
    connected: () => void establish(),
    closed: drop,
    message: (text) => {
      for (const watcher of watchers) watcher.message?.(text);
    },
  });
  const current = (): number | null => (state.up ? state.sessions : null);
  let cancelTimers: CancelTimer = () => undefined;

  /** Ends the session, and the connection if there still is one. */
  function drop(error: Error): void {
    if (state.closed) return;
    const wasUp = state.up;
    Object.assign(state, { up: false, reason: error.message });
    cancelTimers();
    // In any other state it is ending or being made again, and interfering would end it for good.
    if (client.status === 'ready' || client.status === 'connect') client.disconnect(true);
    replies.failAll(error);
    if (wasUp) for (const watcher of watchers) watcher.down?.();
    deps.onDown(state.reason);
  }

  async function establish(): Promise<void> {
    try {
      await replies.within(() => deps.prove(client));
    } catch (error) {
      // Unless it broke, which `close` tells.
      if (client.status === 'ready') drop(error as Error);
      return;
    }
    state.up = true;
    state.sessions += 1;
    cancelTimers = startTimers(deps, run, () => (state.failures = 0));
    for (const watcher of watchers) watcher.up?.();
    deps.onUp();
  }

  async function run<T>(command: (client: Client) => Promise<T>): Promise<T> {
    const session = current();
    if (session === null) throw new RedisAwayError(state.reason);
    try {
      return await replies.within(() => command(client));
    } catch (error) {
      // Also when Redis answers that it won't: full, a replica, loading. The proof shows when it will again.
      if (session === current()) drop(error as Error);
      throw error;
    }
  }

  return {
    session: current,
    run,
    watch: (watcher) => void watchers.add(watcher),
    close: async () => {
      if (state.closed) return;
      Object.assign(state, { closed: true, up: false, reason: 'closed' });
      cancelTimers();
      replies.failAll(new RedisAwayError(state.reason));
      await end(client);
    },
  };
}

/** Between tries to connect, doubled from the first to the longest, each shortened at random by up to a half. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;
/** How long a connection given up may take to say goodbye. */
const GOODBYE_MS = 100;

function createClient(
  url: string,
  on: {
    /** A connection couldn't be made or was lost; returns how many there were in a row. */
    failed(): number;
    connected(): void;
    closed(why: Error): void;
    message(text: string): void;
  },
): Client {
  const client = new Client(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // `prove` does both, and unlike these within a deadline.
    enableReadyCheck: false,
    autoResubscribe: false,
    disableClientInfo: true,
    keepAlive: 10_000,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: GOODBYE_MS,
    retryStrategy: () => {
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (on.failed() - 1), LONGEST_WAIT_MS);
      return wait * (1 - Math.random() / 2);
    },
  });
  let reason = 'not connected yet';
  client.on('error', ({ message, name }: Error) => {
    reason = message || name;
  });
  client.on('ready', () => {
    reason = 'the connection was closed';
    on.connected();
  });
  client.on('close', () => {
    on.closed(new RedisAwayError(reason));
  });
  client.on('message', (_channel: string, text: string) => {
    on.message(text);
  });
  return client;
}

async function end(client: Client): Promise<void> {
  // Between two tries there is no connection whose end would be told.
  const between = client.status === 'reconnecting' || client.status === 'end';
  const ended = new Promise((resolve) => client.once('end', resolve));
  client.disconnect();
  if (!between) await ended;
}

/** Of one session. */
function startTimers(
  { clock, heartbeatMs }: Pick<ConnectionDeps, 'clock' | 'heartbeatMs'>,
  run: RedisConnection['run'],
  onStable: () => void,
): CancelTimer {
  const cancelStable = clock.after(STABLE_MS, onStable);
  if (heartbeatMs === undefined) return cancelStable;
  let over = false;
  const beat = (): CancelTimer =>
    clock.after(heartbeatMs, () => {
      run((client) => client.ping()).then(
        () => {
          if (!over) cancelBeat = beat();
        },
        // The session is over, then.
        () => undefined,
      );
    });
  let cancelBeat = beat();
  return () => {
    over = true;
    cancelStable();
    cancelBeat();
  };
}
