import { createHash, randomBytes } from 'node:crypto';

export const SCOPES = ['admin', 'read', 'ingest'] as const;
/** What a key may do. `admin` includes the others. */
export type Scope = (typeof SCOPES)[number];

/** Lets people and secret scanners tell what it is. */
const KEY_PREFIX = 'mk_';
const KEY_BYTES = 32;
const KEY = /^mk_[A-Za-z0-9_-]{43}$/;
/** `mk_` and 48 of the 256 bits: enough to recognise a key by, and 208 bits stay unknown. */
const SHOWN_CHARACTERS = 11;

/** A new key: 256 random bits as base64url. Only its hash is ever stored. */
export function generateApiKey(): string {
  return KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/** What every generated key looks like; anything else can be refused without looking it up. */
export function looksLikeApiKey(text: string): boolean {
  return KEY.test(text);
}

/** The beginning of a key, for people to recognise it by. */
export function shownPrefixOf(key: string): string {
  return key.slice(0, SHOWN_CHARACTERS);
}

/**
 * What is stored of a key. Plain SHA-256: a slow hash protects what people choose, and nobody goes through 2²⁵⁶ random
 * keys however fast a try is (NIST SP 800-63B section 5.1.1.2 asks for one below 112 bits only).
 */
export function hashOfApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
