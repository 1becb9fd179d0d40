import { BadRequestError } from './chdb-errors.ts';

/**
 * Parameter values in the engine's own terms.
 *
 * Over HTTP a scalar comes escaped as in TabSeparated and a composite as a literal (`['a','b']`), and both are bound
 * as they are. The engine's binding escapes every text again, so here the escapes are undone first: the two cancel.
 */
export function bindableParams(sql: string, raw: Record<string, string>): Record<string, unknown> {
  const types = new Map<string, string>();
  for (const [, name = '', type = ''] of sql.matchAll(/\{\s*(\w+)\s*:\s*([^{}]+)\}/g))
    types.set(name, type.trim());
  const params: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(raw)) {
    params[name] = isComposite(types.get(name) ?? '') ? composite(text) : scalar(text);
  }
  return params;
}

const isComposite = (type: string) => /^(Array|Map|Tuple|Nested|Variant|JSON|Dynamic)\b/i.test(type);

const ESCAPES: Record<string, string> = {
  b: '\b',
  f: '\f',
  r: '\r',
  n: '\n',
  t: '\t',
  '0': '\0',
  a: '\x07',
  v: '\v',
};
const unescape = (text: string) => text.replace(/\\(.)/gs, (_, c: string) => ESCAPES[c] ?? c);

function scalar(text: string): string | null {
  if (text === '\\N') return null;
  return text.includes('\\') ? unescape(text) : text;
}

/** A literal without escapes passes through the engine's escaping unchanged; of the others, lists of text are read. */
function composite(text: string): unknown {
  if (!/[\\\0\b\f\n\r\t]/.test(text)) return text;
  if (!/^\[\s*('(\\.|[^'\\])*'\s*(,\s*|(?=\])))*\]$/s.test(text)) {
    throw new BadRequestError('Only lists of text may hold escapes in the embedded engine', 48);
  }
  return Array.from(text.matchAll(/'((?:\\.|[^'\\])*)'/gs), ([, item = '']) => unescape(item));
}
