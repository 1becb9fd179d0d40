import type { IHeaders } from 'kafkajs';

/**
 * One header in the cluster for all of a record's own, as JSON. To kafkajs each header costs a buffer of 512 bytes to
 * write and a copy of all before it to read; a delivery has seven, which cost more than the rest of its way.
 */
const PACKED = 'headers';

export function packHeaders(headers: Readonly<Record<string, string>>): IHeaders {
  for (const _ in headers) return { [PACKED]: JSON.stringify(headers) };
  return {};
}

/** What somebody else wrote beside ours is kept; a name more than once counts as the last one. */
export function unpackHeaders(headers: IHeaders | undefined): Record<string, string> {
  let unpacked: Record<string, string> | null = null;
  for (const name in headers) {
    const header = headers[name];
    const one = Array.isArray(header) ? header.at(-1) : header;
    const text = one === undefined ? '' : one.toString();
    const part = (name === PACKED ? parse(text) : null) ?? { [name]: text };
    // Ours is the only one, nearly always: it is not copied.
    unpacked = unpacked === null ? part : Object.assign(unpacked, part);
  }
  return unpacked ?? {};
}

function parse(text: string): Record<string, string> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' ? (parsed as Record<string, string> | null) : null;
  } catch {
    return null;
  }
}
