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
  return tags.map((tag) => (/^[1-9]\d{0,14}$/.test(tag.opaque) ? Number(tag.opaque) : Number.NaN));
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

/** True when If-None-Match (weak comparison, RFC 9110 section 13.1.2) names the current version: the answer is 304. */
export function isNotModified(headers: Headers, current: number): boolean {
  const value = headers['if-none-match'];
  if (value === undefined) return false;
  if (value.trim() === '*') return true;
  return parseTags(value)?.some((tag) => tag.opaque === String(current)) ?? false;
}
