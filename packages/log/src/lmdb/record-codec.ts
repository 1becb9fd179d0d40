import type { LogRecord } from '../message-log.ts';

/** Bytes before the text part: append time (6, ms since the epoch) and length of the text (4). */
const FIXED_BYTES = 10;
const TIME_BYTES = 6;
const OFFSET_BYTES = 6;
const KEY_BYTES = 10;

/** What is stored of a record; topic, partition and offset are in the key. */
interface DecodedRecord {
  key: string;
  headers: Record<string, string>;
  value: Buffer;
  /** Ms since the epoch, for retention by age. */
  appendedAt: number;
}

/** Big-endian topic id, partition, offset: the records of a topic-partition are one contiguous range in offset order. */
export function recordKey(topicId: number, partition: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeUInt16BE(topicId, 0);
  key.writeUInt16BE(partition, 2);
  key.writeUIntBE(offset, 4, OFFSET_BYTES);
  return key;
}

export function offsetOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUIntBE(4, OFFSET_BYTES);
}

/** Copies the record, so that the caller may reuse its buffer as soon as this returns. */
export function encodeRecord(record: LogRecord, appendedAt: number): Buffer {
  const text = JSON.stringify([record.key, record.headers]);
  const textBytes = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + textBytes + record.value.length);
  bytes.writeUIntBE(appendedAt, 0, TIME_BYTES);
  bytes.writeUInt32BE(textBytes, TIME_BYTES);
  bytes.write(text, FIXED_BYTES);
  record.value.copy(bytes, FIXED_BYTES + textBytes);
  return bytes;
}

/** The value part of an encoded record, without a copy. */
export function valueOf(bytes: Buffer): Buffer {
  return bytes.subarray(FIXED_BYTES + bytes.readUInt32BE(TIME_BYTES));
}

export function appendedAtOf(bytes: Buffer): number {
  return bytes.readUIntBE(0, TIME_BYTES);
}

export function decodeRecord(bytes: Buffer): DecodedRecord {
  const textEnd = FIXED_BYTES + bytes.readUInt32BE(TIME_BYTES);
  const [key, headers] = JSON.parse(bytes.toString('utf8', FIXED_BYTES, textEnd)) as [
    string,
    Record<string, string>,
  ];
  return { key, headers, value: bytes.subarray(textEnd), appendedAt: appendedAtOf(bytes) };
}
