import { murmur2, partitionOf } from '../src/partitioner.ts';

describe('partitioner', () => {
  // From org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Kafka does', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('gives every partition a fair share of keys, and never one out of range', () => {
    const counts = Array.from({ length: 12 }, () => 0);
    for (let i = 0; i < 12_000; i += 1) {
      const partition = partitionOf(`0190a5d2-7f3a-7e3a-9d9c-${String(i).padStart(12, '0')}`, 12);
      counts[partition] = counts[partition]! + 1;
    }
    expect(counts).toHaveLength(12);
    for (const count of counts) {
      expect(count).toBeGreaterThan(800);
      expect(count).toBeLessThan(1_200);
    }
  });
});
