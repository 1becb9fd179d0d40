import { createHash, randomFillSync } from 'node:crypto';
import { z } from 'zod';

/** A UUID in its canonical lower-case text. */
export const idSchema = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a UUID in lower case')
  .meta({ format: 'uuid', example: '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f' });

/** Random bytes are drawn in blocks: one call of the system's generator serves 256 ids. */
const POOL_BYTES = 256 * 10;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let poolOffset = POOL_BYTES;

/** A UUIDv7 (RFC 9562 section 5.7) whose first 48 bits are `nowMs`. */
export function newId(nowMs: number): string {
  if (poolOffset + 10 > POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const random = pool.toString('hex', poolOffset, poolOffset + 10);
  poolOffset += 10;
  return uuid7(nowMs.toString(16).padStart(12, '0'), random);
}

/** Twelve digits of time and nineteen further ones, all hex. */
function uuid7(time: string, random: string): string {
  const variant = '89ab'.charAt(Number.parseInt(random.charAt(3), 16) & 3);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

/**
 * A UUIDv7 with the time of `seed` (one itself) and bits that follow from `seed` and `name`: work that is done again
 * after a crash gives out the same ids again.
 */
export function derivedId(seed: string, name: string): string {
  return uuid7(seed.slice(0, 8) + seed.slice(9, 13), digitsOf(seed, name));
}

/** The same with a time of its own: for work that begins long after its seed was made. */
export function derivedIdAt(atMs: number, seed: string, name: string): string {
  return uuid7(atMs.toString(16).padStart(12, '0'), digitsOf(seed, name));
}

function digitsOf(seed: string, name: string): string {
  return createHash('sha256').update(`${seed}/${name}`).digest('hex');
}

/** The time an id was made at, in ms since the epoch; null when it is no UUIDv7. */
export function timeOfId(id: string): number | null {
  if (id.charAt(14) !== '7') return null;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Stands where an event matched no subscription at all. */
export const NO_ID = '00000000-0000-0000-0000-000000000000';
