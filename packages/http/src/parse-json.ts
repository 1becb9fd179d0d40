import { isUtf8 } from 'node:buffer';
import { whereJsonBreaks, type JsonBreak } from './json-position.ts';
import { HttpProblem } from './problem.ts';

/** Of a longer text nobody is told where it breaks: looking for that takes several times as long as parsing. */
const LONGEST_PLACED = 1_048_576;

/** Where a text that is not JSON breaks, when it is short enough to look for that. */
export function placeOfBreak(text: string): JsonBreak | null {
  return text.length > LONGEST_PLACED ? null : whereJsonBreaks(text);
}

/** The refusal of what is not JSON, saying where it breaks when that is known. */
export function invalidJson(place: JsonBreak | null): HttpProblem {
  const where = place ? `: ${place.message} at line ${place.line}, column ${place.column}` : '';
  return new HttpProblem(400, 'invalid-json', `The body is not valid JSON${where}.`);
}

/** @throws HttpProblem 400 for bytes that a decoder would have to replace */
export function checkUtf8(body: Buffer): void {
  if (!isUtf8(body)) throw new HttpProblem(400, 'invalid-json', 'The body is not UTF-8.');
}

/**
 * Proves that the bytes are one JSON value in UTF-8 (RFC 8259, so without a byte order mark) and returns it.
 * @throws HttpProblem 400 saying where it breaks
 */
export function parseJsonBody(body: Buffer): unknown {
  checkUtf8(body);
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    throw invalidJson(placeOfBreak(text));
  }
}

/** Whether an object anywhere in a value has the key `__proto__`, which assigning it would take for its prototype. */
function hasProtoKey(value: unknown): boolean {
  // A list of what is left instead of recursion, however deep.
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (Object.hasOwn(next, '__proto__')) return true;
    for (const inner of Object.values(next)) left.push(inner);
  }
  return false;
}

/**
 * A JSON object or array, without a `__proto__` key.
 * @throws HttpProblem 400
 */
export function parseJsonStructure(body: Buffer): object {
  const value = parseJsonBody(body);
  if (typeof value !== 'object' || value === null) {
    throw new HttpProblem(400, 'invalid-json', 'The body must be a JSON object or array.');
  }
  // The key can be written plainly, or with escapes that start with \\u; most bodies have neither.
  if ((body.includes('__proto__') || body.includes('\\u')) && hasProtoKey(value)) {
    throw new HttpProblem(400, 'invalid-json', 'The body must not have a key __proto__.');
  }
  return value;
}
