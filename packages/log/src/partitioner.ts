const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * murmur2 as in Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`), a signed 32-bit number. Kafka's own
 * test vectors hold for it.
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k =
      (bytes[i] ?? 0) |
      ((bytes[i + 1] ?? 0) << 8) |
      ((bytes[i + 2] ?? 0) << 16) |
      ((bytes[i + 3] ?? 0) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = length - whole;
  if (rest > 2) hash ^= (bytes[whole + 2] ?? 0) << 16;
  if (rest > 1) hash ^= (bytes[whole + 1] ?? 0) << 8;
  if (rest > 0) hash = Math.imul(hash ^ (bytes[whole] ?? 0), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, equal to that of Kafka's default partitioner, so that every adapter agrees. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
