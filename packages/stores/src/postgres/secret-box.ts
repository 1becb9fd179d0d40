import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** A secret as it is stored. */
export interface SealedSecret {
  /** Names the key it was sealed under, so that SECRETS_KEY can be changed while old rows remain. */
  key_id: string;
  /** nonce (12 bytes) ‖ tag (16 bytes) ‖ ciphertext. */
  sealed: Buffer;
}

/** Seals secrets at rest: AES-256-GCM (NIST SP 800-38D), a fresh random nonce each time, bound to their subscription. */
export interface SecretBox {
  /** Of the key that seals. */
  keyId: string;
  seal(secret: string, subscriptionId: string): SealedSecret;
  /** @throws SecretBoxError when the key is another one, or the row was changed or belongs to another subscription */
  open(stored: SealedSecret, subscriptionId: string): string;
}

/** A stored secret can't be read with the SECRETS_KEY in use. */
export class SecretBoxError extends Error {
  override name = 'SecretBoxError';
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Says which key it was without saying anything about the key. */
function idOf(key: Buffer): string {
  return createHash('sha256').update('milena secrets key id').update(key).digest('hex').slice(0, 16);
}

/**
 * @param previous keys that still open what was sealed under them, and seal nothing
 * @throws Error when a key isn't 32 bytes
 */
export function createSecretBox(key: Buffer, previous: readonly Buffer[] = []): SecretBox {
  if ([key, ...previous].some(({ length }) => length !== 32)) throw new Error('SECRETS_KEY must be 32 bytes');
  const keyId = idOf(key);
  const keys = new Map([...previous, key].map((one) => [idOf(one), one]));
  return {
    keyId,
    seal: (secret, subscriptionId) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(subscriptionId));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return { key_id: keyId, sealed: Buffer.concat([nonce, cipher.getAuthTag(), text]) };
    },
    open: (stored, subscriptionId) => {
      const opener = keys.get(stored.key_id);
      if (opener === undefined)
        throw new SecretBoxError(`the secret of ${subscriptionId} was sealed under another SECRETS_KEY`);
      const nonce = stored.sealed.subarray(0, NONCE_BYTES);
      try {
        const decipher = createDecipheriv('aes-256-gcm', opener, nonce, { authTagLength: TAG_BYTES });
        decipher.setAAD(Buffer.from(subscriptionId));
        decipher.setAuthTag(stored.sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        const text = decipher.update(stored.sealed.subarray(NONCE_BYTES + TAG_BYTES));
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new SecretBoxError(`the secret of ${subscriptionId} was changed in the store`, { cause });
      }
    },
  };
}
