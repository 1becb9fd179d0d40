import { isUtf8 } from 'node:buffer';
import { HttpProblem, whereJsonBreaks } from '@milena/http';

/**
 * Proves that the bytes are one JSON value in UTF-8 (RFC 8259, so without a byte order mark) and returns it.
 * @throws HttpProblem 400 saying where it breaks
 */
export function parseJsonBody(payload: Buffer): unknown {
  if (!isUtf8(payload)) throw new HttpProblem(400, 'invalid-json', 'The body is not UTF-8.');
  const text = payload.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    const place = whereJsonBreaks(text);
    const where = place ? `: ${place.message} at line ${place.line}, column ${place.column}` : '';
    throw new HttpProblem(400, 'invalid-json', `The body is not valid JSON${where}.`);
  }
}
