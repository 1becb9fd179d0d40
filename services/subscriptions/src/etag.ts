import { createHash } from 'node:crypto';
import { HttpProblem } from '@milena/http';

type Headers = Readonly<Record<string, string | undefined>>;

/** `*`, or the versions of which the current one must be one; null = no condition. */
type VersionCondition = '*' | readonly number[] | null;

/** Characters of an opaque tag between its quotes (RFC 9110 section 8.8.3); a comma may be one of them. */
const ENTITY_TAG = /\s*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(,|$)/gy;

interface EntityTag {
  weak: boolean;
  opaque: string;
}

/** The entity tags of a list, or null when it is not one. */
function parseTags(list: string): EntityTag[] | null {
  const tags: EntityTag[] = [];
  let end = 0;
  for (const match of list.matchAll(ENTITY_TAG)) {
    tags.push({ weak: match[1] !== undefined, opaque: match[2] ?? '' });
    end = match.index + match[0].length;
  }
  const complete = end === list.length && !list.endsWith(',');
  return complete && tags.length > 0 ? tags : null;
}

export function etagOf(version: number): string {
  return `"${version}"`;
}

/** What is read beside the fields that a write changes, and changes by itself. */
interface Beside {
  health: string;
  failing_since: string | null;
  held: { count: number; oldest_at: string | null };
}

/** Of all that is read; If-Match takes it for its version. That alone as long as nothing beside it is unusual. */
export function etagOfRead({ version, health, failing_since, held }: Beside & { version: number }): string {
  if (health === 'healthy' && failing_since === null && held.count === 0) return etagOf(version);
  const beside = JSON.stringify([health, failing_since, held.count, held.oldest_at]);
  return `"${version}-${createHash('sha256').update(beside).digest('hex').slice(0, 12)}"`;
}

/** Of a tag that was given out. */
const VERSION = /^([1-9]\d{0,14})(-[0-9a-f]{12})?$/;

/**
 * Reads If-Match (RFC 9110 section 13.1.1). A well-formed tag that we never gave out matches nothing.
 * @throws HttpProblem 400 when it is no list of strong entity tags
 */
export function readIfMatch(headers: Headers): VersionCondition {
  const value = headers['if-match'];
  if (value === undefined) return null;
  if (value.trim() === '*') return '*';
  const tags = parseTags(value);
  if (tags === null || tags.some((tag) => tag.weak)) {
    throw new HttpProblem(
      400,
      'bad-if-match',
      'If-Match must be * or the ETag as it was given, such as "3".',
    );
  }
  return tags.map((tag) => Number(VERSION.exec(tag.opaque)?.[1] ?? Number.NaN));
}

/**
 * The version that a write must meet in the store; null = any.
 * @throws HttpProblem 412 when the condition does not hold for the current version
 */
export function expectedVersion(condition: VersionCondition, current: number): number | null {
  if (condition === null || condition === '*') return null;
  if (!condition.includes(current)) throw preconditionFailed(current);
  return current;
}

export function preconditionFailed(current: number): HttpProblem {
  return new HttpProblem(
    412,
    'precondition-failed',
    `The subscription has changed: it is at version ${current} now. Read it again, then write.`,
    { headers: { etag: etagOf(current) } },
  );
}

/** True when If-None-Match (weak comparison, RFC 9110 section 13.1.2) names the current tag: the answer is 304. */
export function isNotModified(headers: Headers, current: string): boolean {
  const value = headers['if-none-match'];
  if (value === undefined) return false;
  if (value.trim() === '*') return true;
  return parseTags(value)?.some((tag) => `"${tag.opaque}"` === current) ?? false;
}
