import { createHmac } from 'node:crypto';
import { createSecretBox, SecretBoxError, type SecretBox } from '../../postgres/secret-box.ts';

/** Encrypts and authenticates what lies in Redis; a value is bound to its key. */
interface Seal {
  seal(text: string, key: string): Buffer;
  /** null when it was sealed under another SECRETS_KEY or for another key, was changed, or is garbage. */
  open(sealed: Buffer, key: string): string | null;
}

/** Of a key's id, in hex. */
const KEY_ID_LENGTH = 16;

/**
 * AES-256-GCM under a key derived from SECRETS_KEY for each Redis key (HMAC-SHA-256). Derived, because a random nonce
 * is good for 2³² values under one key (NIST SP 800-38D, 8.3), and a busy cache would use that up for everybody,
 * the stored secrets included, within a year. Sealing or opening a usual value of 1 KB takes 10 to 30 µs.
 */
export function createSeal(secretsKey: Buffer): Seal {
  const boxOf = (key: string): SecretBox =>
    createSecretBox(createHmac('sha256', secretsKey).update('milena shared cache\n').update(key).digest());
  return {
    seal: (text, key) => {
      const { key_id, sealed } = boxOf(key).seal(text, key);
      return Buffer.concat([Buffer.from(key_id, 'latin1'), sealed]);
    },
    open: (sealed, key) => {
      const key_id = sealed.toString('latin1', 0, KEY_ID_LENGTH);
      try {
        return boxOf(key).open({ key_id, sealed: sealed.subarray(KEY_ID_LENGTH) }, key);
      } catch (error) {
        if (error instanceof SecretBoxError) return null;
        throw error;
      }
    },
  };
}
