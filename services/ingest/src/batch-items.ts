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

/** Where the next member or element begins, or where the closing bracket is. */
function skipComma(json: Buffer, from: number): number {
  const at = skipBlank(json, from);
  return json[at] === COMMA ? skipBlank(json, at + 1) : at;
}

/** The source text of one member of an object; the last one, as JSON.parse has it, when its name comes twice. */
function memberText(object: Buffer, name: string): Buffer | null {
  let found: Buffer | null = null;
  let at = skipBlank(object, 1);
  while (at < object.length && object[at] !== CLOSE_BRACE) {
    const keyEnd = skipString(object, at);
    // Escapes may hide the name: "\u0070ayload".
    const matches = JSON.parse(object.toString('utf8', at, keyEnd)) === name;
    const colon = skipBlank(object, keyEnd);
    const valueStart = skipBlank(object, colon + 1);
    const valueEnd = skipValue(object, valueStart);
    if (matches) found = object.subarray(valueStart, valueEnd);
    at = skipComma(object, valueEnd);
  }
  return found;
}

/**
 * For each element of a JSON array the source text of its member `name`, byte for byte, sharing the memory of `json`;
 * null for an element that is no object or has no such member.
 * @param json an array that JSON.parse accepted: nothing is checked here
 */
export function memberTexts(json: Buffer, name: string): (Buffer | null)[] {
  const texts: (Buffer | null)[] = [];
  let at = skipBlank(json, skipBlank(json, 0) + 1);
  while (at < json.length && json[at] !== CLOSE_BRACKET) {
    const end = skipValue(json, at);
    texts.push(json[at] === OPEN_BRACE ? memberText(json.subarray(at, end), name) : null);
    at = skipComma(json, end);
  }
  return texts;
}
