import { createHash } from 'node:crypto';
import { subscriptionSchema, type LiveSubscription } from '@milena/domain';
import { SHAPE_VERSION } from '../../src/cache/redis/keys.ts';
import { createSeal } from '../../src/cache/redis/seal.ts';

/** Of everything that a LiveSubscription is made of. */
const PARTS: Record<keyof LiveSubscription, true> = { subscription: true, secrets: true, cancelled: true };

test('a release that shares another shape says so with another SHAPE_VERSION', () => {
  const fields = [...Object.keys(PARTS), ...Object.keys(subscriptionSchema.shape)].sort();
  const shape = createHash('sha256').update(fields.join()).digest('hex').slice(0, 12);
  // When this fails: SHAPE_VERSION one higher, and what is printed here.
  expect({ version: SHAPE_VERSION, shape }).toEqual({ version: 3, shape: '48a62f311515' });
});

describe('a sealed value', () => {
  const key = Buffer.alloc(32, 7);
  const box = createSeal(key);

  test('is opened with the same key under the same name only', () => {
    const sealed = box.seal('whsec_secret', 'milena:a');
    expect(box.open(sealed, 'milena:a')).toBe('whsec_secret');
    expect(box.open(sealed, 'milena:b')).toBeNull();
    expect(createSeal(Buffer.alloc(32, 8)).open(sealed, 'milena:a')).toBeNull();
    expect(sealed.toString('latin1')).not.toContain('whsec');
  });

  test('is opened neither when it was cut short nor when a bit is another', () => {
    const sealed = box.seal('whsec_secret', 'milena:a');
    for (let length = 0; length < sealed.length; length += 1)
      expect(box.open(sealed.subarray(0, length), 'milena:a')).toBeNull();
    for (let at = 0; at < sealed.length; at += 1) {
      const touched = Buffer.from(sealed);
      touched[at]! ^= 1;
      expect(box.open(touched, 'milena:a')).toBeNull();
    }
  });
});
