export interface Entry {
  key: Buffer;
  value: Buffer;
}

/**
 * What fits on one page of LMDB's, 4 KiB, beside the page's head. For more it wants pages side by side, and looks for such
 * among all that are free: thousands, once a backlog has come and gone, and each commit takes milliseconds instead of tenths
 * of one.
 */
export const PIECE_BYTES = 4096 - 24;
const INDEX_BYTES = 4;

/**
 * The value by itself, or in pieces: the first under the key, the others under keys that follow it at once. A piece of full
 * length is followed by another, unless the value ends there.
 */
export function* piecesOf(key: Buffer, value: Buffer): Generator<Entry> {
  yield { key, value: value.subarray(0, PIECE_BYTES) };
  for (let index = 1; index * PIECE_BYTES < value.length; index += 1) {
    const from = index * PIECE_BYTES;
    yield { key: pieceKey(key, index), value: value.subarray(from, from + PIECE_BYTES) };
  }
}

function pieceKey(key: Uint8Array, index: number): Buffer {
  const piece = Buffer.allocUnsafe(key.length + INDEX_BYTES);
  piece.set(key);
  piece.writeUInt32BE(index, key.length);
  return piece;
}

function isPiece(key: Uint8Array, index: number, other: Uint8Array): boolean {
  return other.length === key.length + INDEX_BYTES && pieceKey(key, index).equals(other);
}

/** Whole values again, from entries in the order of their keys. */
export function* whole(entries: Iterable<Entry>): Generator<Entry> {
  let first: Entry | null = null;
  let pieces: Buffer[] = [];
  for (const entry of entries) {
    if (first !== null && isPiece(first.key, pieces.length, entry.key)) {
      pieces.push(entry.value);
    } else {
      if (first !== null) yield { key: first.key, value: Buffer.concat(pieces) };
      first = entry;
      pieces = [entry.value];
    }
    if (entry.value.length === PIECE_BYTES) continue;
    yield { key: first.key, value: pieces.length === 1 ? entry.value : Buffer.concat(pieces) };
    first = null;
  }
  if (first !== null) yield { key: first.key, value: Buffer.concat(pieces) };
}

/** Keys in their order, each with whether a value begins there. */
export function* beginnings<Key extends Uint8Array>(
  keys: Iterable<Key>,
): Generator<{ key: Key; begins: boolean }> {
  let first: Key | null = null;
  let pieces = 0;
  for (const key of keys) {
    const begins = first === null || !isPiece(first, pieces, key);
    pieces = begins ? 1 : pieces + 1;
    if (begins) first = key;
    yield { key, begins };
  }
}
