const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

// Bytes of multi-byte characters are all above 0x7f, so looking for structure byte by byte is safe in UTF-8.

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipBlank(json: Buffer, from: number): number {
  let at = from;
  while (isBlank(json[at])) at += 1;
  return at;
}

/** From its opening quote to behind its closing one. */
function skipString(json: Buffer, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** From the bracket that opens to behind the one that closes; a count of depth instead of recursion, however deep. */
function skipNested(json: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = skipString(json, at);
      continue;
    }
    at += 1;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
    if (depth === 0) break;
  }
  return at;
}

function skipScalar(json: Buffer, from: number): number {
  let at = from;
  while (at < json.length) {
    const byte = json[at];
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isBlank(byte)) break;
    at += 1;
  }
  return at;
}

function skipValue(json: Buffer, from: number): number {
  const byte = json[from];
  if (byte === QUOTE) return skipString(json, from);
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return skipNested(json, from);
  return skipScalar(json, from);
}

/** Whether a key, quotes included, is `name`, which is in ASCII. */
function isNamed(object: Buffer, start: number, end: number, name: string): boolean {
  const length = end - start - 2;
  if (length === name.length) return object.toString('latin1', start + 1, end - 1) === name;
  // Escapes may hide the name: "\u0070ayload". They make six bytes of one at most.
  if (length < name.length || length > 6 * name.length) return false;
  return JSON.parse(object.toString('utf8', start, end)) === name;
}

/** Where the next member begins, or where the closing bracket is. */
function skipComma(json: Buffer, from: number): number {
  const at = skipBlank(json, from);
  return json[at] === COMMA ? skipBlank(json, at + 1) : at;
}

/**
 * The source text of one member of an object, byte for byte, sharing the object's memory; null when it has no such
 * member, the last one, as JSON.parse has it, when its name comes twice.
 * @param object an object that JSON.parse accepted, without white space before it: nothing is checked here
 */
export function memberText(object: Buffer, name: string): Buffer | null {
  let [start, end] = [0, 0];
  let at = skipBlank(object, 1);
  while (at < object.length && object[at] !== CLOSE_BRACE) {
    const keyEnd = skipString(object, at);
    const colon = skipBlank(object, keyEnd);
    const valueStart = skipBlank(object, colon + 1);
    const valueEnd = skipValue(object, valueStart);
    if (isNamed(object, at, keyEnd, name)) [start, end] = [valueStart, valueEnd];
    at = skipComma(object, valueEnd);
  }
  return end === 0 ? null : object.subarray(start, end);
}

/** Whether a text begins like an array. */
export function isArrayLike(json: Buffer): boolean {
  return json[skipBlank(json, 0)] === OPEN_BRACKET;
}

/** An element of an array, one that does not end within the limit, or a place where the array breaks. */
export interface ArrayPart {
  kind: 'element' | 'large' | 'broken';
  start: number;
  end: number;
}

/**
 * The elements of a JSON array, one at a time and in one pass: nothing is read before it is asked for, and of an element
 * not more than `limit` bytes. Ends after a `large` one. Where the text between elements is not that of an array, ends
 * with a `broken` part: from the start of the last element (of the array, when there is none) to behind the byte that is
 * wrong. What is inside an element is not checked.
 * @param json a text that isArrayLike
 */
export function* arrayParts(json: Buffer, limit: number): Generator<ArrayPart, void> {
  let start = skipBlank(json, 0);
  let at = skipBlank(json, start + 1);
  let closed = json[at] === CLOSE_BRACKET;
  while (!closed) {
    start = at;
    const window = json.subarray(start, start + limit + 1);
    const end = Math.min(start + skipValue(window, 0), json.length);
    if (end - start > limit) {
      yield { kind: 'large', start, end };
      return;
    }
    yield { kind: 'element', start, end };
    at = skipBlank(json, end);
    closed = json[at] === CLOSE_BRACKET;
    if (closed) break;
    if (json[at] !== COMMA) {
      yield { kind: 'broken', start, end: at + 1 };
      return;
    }
    at = skipBlank(json, at + 1);
  }
  at = skipBlank(json, at + 1);
  if (at < json.length) yield { kind: 'broken', start, end: at + 1 };
}
