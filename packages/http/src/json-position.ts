export interface JsonBreak {
  /** Both from 1; the column counts UTF-16 units. */
  line: number;
  column: number;
  message: string;
}

/** One token of RFC 8259 but a string, of which the quote only; white space before it included. */
const TOKEN =
  /[ \t\n\r]*(?:([{}[\],:])|(")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const BLANK = /[ \t\n\r]*/y;

type Expected = 'value' | 'first key or }' | 'key' | ':' | ', or }' | ', or ]' | 'value or ]' | 'end';

/**
 * From the opening quote to behind the closing one; null when that is no string. A loop, because a regular expression
 * that repeats a group keeps something on the stack for each repetition, and a few million of them exhaust it.
 */
function endOfString(text: string, from: number): number | null {
  let at = from + 1;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) return at + 1;
    if (unit < 0x20) return null;
    if (unit === 0x5c) {
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) return null;
      at = ESCAPE.lastIndex;
    } else at += 1;
  }
  return null;
}

/**
 * Where a text stops being JSON, or null when it is JSON. Needed because the engine's own message names a position in
 * some cases only. Runs on refused bodies, never on good ones.
 */
export function whereJsonBreaks(text: string): JsonBreak | null {
  const open: string[] = [];
  let expected: Expected = 'value';
  let at = 0;

  const afterValue = (): Expected => {
    const inside = open.at(-1);
    if (inside === undefined) return 'end';
    return inside === '{' ? ', or }' : ', or ]';
  };

  for (;;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const start = match === null ? endOfBlank(text, at) : TOKEN.lastIndex - match[0].trimStart().length;
    const end = match?.[2] === undefined ? TOKEN.lastIndex : endOfString(text, start);
    if (match === null && start >= text.length && expected === 'end') return null;
    if (match === null || end === null) return breakAt(text, start, expected);
    const token = match[1] ?? (match[2] === undefined ? 'scalar' : 'string');
    const next = step(token, expected, open, afterValue);
    if (next === null) return breakAt(text, start, expected);
    expected = next;
    at = end;
  }
}

function endOfBlank(text: string, from: number): number {
  BLANK.lastIndex = from;
  BLANK.exec(text);
  return BLANK.lastIndex;
}

/** What may follow `token`, or null when it may not stand here. Keeps the stack of open brackets. */
function step(
  token: string,
  expected: Expected,
  open: string[],
  afterValue: () => Expected,
): Expected | null {
  const valueFits = expected === 'value' || expected === 'value or ]';
  switch (token) {
    case '{':
    case '[':
      if (!valueFits) return null;
      open.push(token);
      return token === '{' ? 'first key or }' : 'value or ]';
    case '}':
    case ']': {
      const closes = token === '}' ? ['first key or }', ', or }'] : ['value or ]', ', or ]'];
      if (!closes.includes(expected)) return null;
      open.pop();
      return afterValue();
    }
    case ',':
      if (expected === ', or }') return 'key';
      return expected === ', or ]' ? 'value' : null;
    case ':':
      return expected === ':' ? 'value' : null;
    case 'string':
      if (expected === 'key' || expected === 'first key or }') return ':';
      return valueFits ? afterValue() : null;
    default:
      return valueFits ? afterValue() : null;
  }
}

function breakAt(text: string, position: number, expected: Expected): JsonBreak {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  const found = position >= text.length ? 'it ends too early' : `there is no ${expected}`;
  const message = expected === 'end' ? 'something follows after its end' : found;
  return { line: before.split('\n').length, column: position - lineStart + 1, message };
}
