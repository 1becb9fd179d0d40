import { HttpProblem } from './problem.ts';

const CONTENT_TYPE = /^\s*([\w.+-]+\/[\w.+-]+)\s*(?:;(.*))?$/i;
const CHARSET = /(?:^|;)\s*charset\s*=\s*"?([^\s";]+)"?/i;

function matches(pattern: string, type: string): boolean {
  if (pattern === type) return true;
  const [major = '', suffix = ''] = pattern.split('/*');
  return pattern.includes('/*') && type.startsWith(`${major}/`) && type.endsWith(suffix);
}

function refuse(detail: string, headers: Record<string, string> = {}): HttpProblem {
  return new HttpProblem(415, 'unsupported-media-type', detail, { headers });
}

/**
 * @param allowed media types, lower case; `application/*+json` stands for every type with that suffix
 * @throws HttpProblem 415 for another type, a charset other than UTF-8, or a compressed body: bytes are kept as they
 *   came, so they must be readable as they came
 */
export function checkContentType(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  allowed: readonly string[],
): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw refuse('The body must be sent without a Content-Encoding.', { 'accept-encoding': 'identity' });
  }
  const given = headers['content-type'];
  // What nearly every request sends, without a regular expression.
  if (given === 'application/json' && allowed.includes(given)) return;

  const parsed = typeof given === 'string' ? CONTENT_TYPE.exec(given) : null;
  const type = parsed?.[1]?.toLowerCase();
  if (type === undefined || !allowed.some((pattern) => matches(pattern, type))) {
    throw refuse(`The Content-Type must be ${allowed.join(' or ')}.`);
  }
  const charset = CHARSET.exec(parsed?.[2] ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8') throw refuse('The charset must be utf-8.');
}
