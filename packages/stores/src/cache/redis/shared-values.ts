import type { Clock } from '@milena/runtime';
import { MARK_TTL_MS, markKey, SHARED_TTL_MS, valueKey, type SharedKind } from './keys.ts';
import type { Redis } from './open-redis.ts';
import type { createSeal } from './seal.ts';

/** `away`: Redis gave no answer. */
type SharedLookup = 'hit' | 'miss' | 'away';

/** A value as it is shared. JSON, sealed. */
interface Envelope {
  /** When the reading of it began, ms since the epoch. */
  at: number;
  /** The mark that was there at that time. */
  mark: string;
  value: unknown;
}

/** What Redis had: the mark, and the value if it is of use. */
interface Seen {
  mark: string;
  value: { of: unknown } | null;
}

/** Redis does one command at a time; a larger value would hold up everybody else's. */
const LARGEST_VALUE_BYTES = 1024 * 1024;

/**
 * Values shared by way of Redis between the processes that load them.
 *
 * No value from before a change is given after Redis was told of the change. Whoever changes something puts a new
 * random mark beside it; a value carries the mark that was there before it was read from the store, and is worth
 * nothing when the mark in Redis is another one. So the writer of an old value can come as late as it likes:
 *
 *     A sees mark m1 · A reads the old row · B changes the row · B sets mark m2 · A stores (old, m1) · C sees m1 ≠ m2
 *
 * The mark, not the subscription's `version`, because health and cancellations change without a new version. Marks
 * end (`MARK_TTL_MS`), but later than any value that is older than they are. When Redis lost marks because it was
 * started anew or replaced, connections broke: what was read under an earlier connection isn't stored.
 */
export function createSharedValues<Value>(deps: {
  redis: Redis;
  clock: Clock;
  seal: ReturnType<typeof createSeal>;
  kind: SharedKind;
  load(id: string): Promise<Value>;
  /** To something that JSON can carry; null: don't share it. */
  pack(value: Value): unknown;
  unpack(packed: unknown): Value;
  onLookup?: (lookup: SharedLookup) => void;
}): (id: string) => Promise<Value> {
  const { redis, clock, seal, kind, onLookup } = deps;
  const { commands, prefix } = redis;

  /** null when Redis is away. */
  async function look(id: string): Promise<Seen | null> {
    const key = valueKey(prefix, kind, id);
    try {
      const [sealed, marked] = await commands.run((client) =>
        client.mgetBuffer(key, markKey(prefix, kind, id)),
      );
      const mark = marked?.toString('latin1') ?? '';
      return { mark, value: sealed ? open(sealed, key, mark) : null };
    } catch {
      return null;
    }
  }

  function open(sealed: Buffer, key: string, mark: string): Seen['value'] {
    const text = seal.open(sealed, key);
    if (text === null) return null;
    const envelope = JSON.parse(text) as Envelope;
    // Redis's own expiry bounds memory; ours also holds for what reached Redis late. Clocks further apart share nothing.
    const fresh = Math.abs(clock.now() - envelope.at) < SHARED_TTL_MS;
    return fresh && envelope.mark === mark ? { of: envelope.value } : null;
  }

  async function share(id: string, envelope: Envelope): Promise<void> {
    const key = valueKey(prefix, kind, id);
    const sealed = seal.seal(JSON.stringify(envelope), key);
    if (sealed.length > LARGEST_VALUE_BYTES) return;
    // Redis is away: then it isn't shared.
    await commands.run((client) => client.set(key, sealed, 'PX', SHARED_TTL_MS)).catch(() => undefined);
  }

  return async (id) => {
    const session = commands.session();
    const at = clock.now();
    const seen = await look(id);
    if (seen?.value) {
      onLookup?.('hit');
      return deps.unpack(seen.value.of);
    }
    onLookup?.(seen ? 'miss' : 'away');
    const loaded = await deps.load(id);
    const value = deps.pack(loaded);
    if (seen && value !== null && commands.session() === session)
      await share(id, { at, mark: seen.mark, value });
    return loaded;
  };
}

/** Makes every shared value of these worthless and tells who listens, both or neither. */
export async function markChanged(
  redis: Redis,
  changed: { kind: SharedKind; id: string }[],
  mark: string,
  announcements: { channel: string; texts: string[] },
): Promise<void> {
  await redis.commands.run(async (client) => {
    const transaction = client.multi();
    for (const { kind, id } of changed)
      transaction.set(markKey(redis.prefix, kind, id), mark, 'PX', MARK_TTL_MS);
    // After the marks: who hears of it and looks finds them.
    for (const text of announcements.texts) transaction.publish(announcements.channel, text);
    const results = await transaction.exec();
    const failed = results?.find(([error]) => error !== null);
    if (failed?.[0]) throw failed[0];
  });
}
