import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

const SECRET_PREFIX = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
/** Standard Webhooks asks for 24 to 64 bytes; 32 is the block that HMAC-SHA256 takes best. */
const GENERATED_BYTES = 32;
/** Clock difference between sender and receiver that is put up with, either way. */
export const SIGNATURE_TOLERANCE_S = 300;

/** Canonical base64 of 24 to 64 bytes (Standard Webhooks); the padding may be missing. */
function isStandardSecret(secret: string): boolean {
  const text = secret.slice(SECRET_PREFIX.length).replace(/={1,2}$/, '');
  const key = Buffer.from(text, 'base64');
  return key.length >= 24 && key.length <= 64 && key.toString('base64').replace(/=+$/, '') === text;
}

/** A secret that somebody chose: any text of some length, or one in the form of Standard Webhooks. */
export const secretSchema = z
  .string()
  .regex(/^[\x20-\x7e]{8,256}$/, 'must be 8 to 256 printable ASCII characters')
  .refine(
    (secret) => !secret.startsWith(SECRET_PREFIX) || isStandardSecret(secret),
    'must be base64 of 24 to 64 bytes after whsec_',
  );

/** A new secret in the form of Standard Webhooks: `whsec_` and the base64 of 32 random bytes. */
export function generateSecret(): string {
  return SECRET_PREFIX + randomBytes(GENERATED_BYTES).toString('base64');
}

/** The key of Standard Webhooks: what the base64 after `whsec_` stands for; any other secret is its own bytes. */
function standardKey(secret: string): Buffer {
  const encoded = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : '';
  return encoded !== '' && BASE64.test(encoded)
    ? Buffer.from(encoded, 'base64')
    : Buffer.from(secret, 'utf8');
}

/**
 * One entry of a `webhook-signature` header: `v1,<base64>`, HMAC-SHA256 over `id.timestamp.payload`.
 * Source: standardwebhooks.com, "Signature scheme".
 */
export function signStandard(message: {
  secret: string;
  /** `webhook-id` */
  id: string;
  /** `webhook-timestamp`, whole seconds since the epoch. */
  timestampS: number;
  payload: Buffer;
}): string {
  const hmac = createHmac('sha256', standardKey(message.secret));
  hmac.update(`${message.id}.${message.timestampS}.`).update(message.payload);
  return `v1,${hmac.digest('base64')}`;
}

/**
 * The value of `X-Hub-Signature-256`: `sha256=<hex>`, HMAC-SHA256 of the payload, the secret's characters (`whsec_`
 * included) being the key. Source: GitHub, "Validating webhook deliveries".
 */
export function signHub(secret: string, payload: Buffer): string {
  return `sha256=${createHmac('sha256', secret).update(payload).digest('hex')}`;
}

export type SignatureCheck = { ok: true } | { ok: false; reason: string };

/** A request whose signature is to be checked. */
export interface SignedMessage {
  /** Any of these may have signed. */
  secrets: readonly string[];
  /** Lower-case names. */
  headers: Readonly<Record<string, string | undefined>>;
  payload: Buffer;
  nowMs: number;
}

function equalText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  // The length of a signature is public, so telling lengths apart early gives nothing away.
  return left.length === right.length && timingSafeEqual(left, right);
}

function checkHub(message: SignedMessage, signature: string): SignatureCheck {
  const given = signature.trim().toLowerCase();
  for (const secret of message.secrets) {
    if (equalText(given, signHub(secret, message.payload))) return { ok: true };
  }
  return { ok: false, reason: 'X-Hub-Signature-256 does not match the body.' };
}

function checkStandard(message: SignedMessage, signatures: string): SignatureCheck {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp } = message.headers;
  if (id === undefined || id === '' || timestamp === undefined) {
    return { ok: false, reason: 'webhook-signature came without webhook-id or webhook-timestamp.' };
  }
  // Up to 11 digits reach beyond the year 5000 and stay exact as a number.
  if (!/^\d{1,11}$/.test(timestamp)) {
    return { ok: false, reason: 'webhook-timestamp must be whole seconds since 1970.' };
  }
  const timestampS = Number(timestamp);
  if (Math.abs(message.nowMs / 1000 - timestampS) > SIGNATURE_TOLERANCE_S) {
    return { ok: false, reason: 'webhook-timestamp is more than five minutes from our clock.' };
  }
  const given = signatures.split(' ').filter((entry) => entry !== '');
  for (const secret of message.secrets) {
    const expected = signStandard({ secret, id, timestampS, payload: message.payload });
    if (given.some((entry) => equalText(entry, expected))) return { ok: true };
  }
  return { ok: false, reason: 'webhook-signature does not match the body.' };
}

/**
 * Checks a request against every secret that is still valid, in constant time for each comparison. Either form will
 * do: `x-hub-signature-256`, or the three headers of Standard Webhooks. When both are there, one that holds is enough:
 * whoever made it has the secret.
 */
export function verifySignature(message: SignedMessage): SignatureCheck {
  const hub = message.headers['x-hub-signature-256'];
  const standard = message.headers['webhook-signature'];
  if (hub === undefined && standard === undefined) {
    return {
      ok: false,
      reason:
        'The request must be signed (X-Hub-Signature-256, or the headers of Standard Webhooks), or carry an API key with the scope ingest.',
    };
  }
  const byHub = hub === undefined ? null : checkHub(message, hub);
  if (byHub?.ok === true || standard === undefined) return byHub ?? { ok: false, reason: 'Not signed.' };
  return checkStandard(message, standard);
}
