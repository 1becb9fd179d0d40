/** A header of a request to be repeated: as it was, or something for whoever repeats it to fill in. */
export type CurlHeader =
  | { name: string; value: string }
  /** `variable`: taken from the shell; without it the command ends and says `how`, in letters, digits and .,:- only. */
  | { name: string; variable: string; how: string }
  /** The same with a value that is taken unless the variable is set. */
  | { name: string; variable: string; value: string };

/** A longer payload is fetched from the API: a command should fit on a screen. */
const LONGEST_INLINE_BYTES = 1024;
/** Printable, so that pasting it does what it says: neither controls nor marks that turn the direction of text. */
const INLINE = /^[\n\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*$/u;

/**
 * A command for a POSIX shell that sends a POST once more, byte for byte. Whatever URL, headers and payload hold is data
 * to the shell (POSIX.1-2017, XCU 2.2.2), and curl takes nothing out of it or into it.
 *
 * @param payloadPath where the API gives out the payload, for one that is not short text
 */
export function curlOf(request: {
  url: string;
  headers: readonly CurlHeader[];
  /** null: not known here. */
  payload: Buffer | null;
  payloadPath: string;
}): string {
  const { headers, payload } = request;
  const text = payload === null ? null : inlineText(payload);
  const send = [
    // No globs in the URL, no dots taken out of it, no other version than ours.
    'curl --include --silent --show-error --globoff --path-as-is --http1.1',
    `--request POST --url ${quote(onTheWire(request.url))}`,
    ...headers.map((header) => `--header ${headerWord(header)}`),
    ...additionsOf(headers).map((name) => `--header '${name}:'`),
    text === null ? '--data-binary "@$payload"' : `--data-raw ${quote(text)}`,
  ].join(' \\\n  ');
  return text === null ? withPayload(request.payloadPath, send) : send;
}

function inlineText(payload: Buffer): string | null {
  if (payload.length > LONGEST_INLINE_BYTES) return null;
  const text = payload.toString('utf8');
  return INLINE.test(text) && Buffer.from(text).equals(payload) ? text : null;
}

/** Headers that curl adds by itself and that were not sent. */
function additionsOf(headers: readonly CurlHeader[]): string[] {
  const given = new Set(headers.map(({ name }) => name.toLowerCase()));
  return ['accept', 'expect'].filter((name) => !given.has(name));
}

/**
 * By way of a file that is gone afterwards, because a pipe would send an empty body when the payload can't be fetched.
 * Without MILENA_KEY no header is sent: an open installation needs none.
 */
function withPayload(path: string, send: string): string {
  const url = `"\${MILENA_URL:?set it to the address of this API}"${quote(path)}`;
  const key = '"authorization:${MILENA_KEY:+ Bearer $MILENA_KEY}"';
  const get = `curl --fail --silent --show-error --header ${key} --output "$payload" --url ${url}`;
  return `(payload=$(mktemp) && trap 'rm -f "$payload"' EXIT && ${get} &&\n${send})`;
}

function headerWord(header: CurlHeader): string {
  const { name } = header;
  if (!('variable' in header)) return valueWord(name, header.value);
  const { variable } = header;
  if ('how' in header) return `${quote(`${name}: `)}"\${${variable}:?${header.how}}"`;
  return `${quote(`${name}: `)}"\${${variable}:-${header.value}}"`;
}

/** A header without a value would be taken as one to leave out; curl sends it when it ends with a semicolon. */
function valueWord(name: string, value: string): string {
  if (value.trim() === '') return quote(`${name};`);
  const line = `${name}: ${value}`;
  return /^[\x20-\x7e]*$/.test(line) ? quote(line) : `"$(printf '${octal(line)}')"`;
}

/** A value is Latin-1 on the wire, whatever the shell's own encoding is. */
function octal(line: string): string {
  const escaped = [...Buffer.from(line, 'latin1')].map((byte) => {
    const plain = byte >= 0x20 && byte <= 0x7e && !`'\\%`.includes(String.fromCharCode(byte));
    return plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return escaped.join('');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** As the request names it: without fragment and credentials, escaped as URLs are. */
function onTheWire(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname, search } = new URL(url);
  return `${origin}${pathname}${search}`;
}
