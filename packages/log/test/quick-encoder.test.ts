import { quickenEncoder } from '../src/kafka/quick-encoder.ts';

interface Encoded {
  buffer: Buffer;
}
type EncoderClass = new (size?: number) => Record<string, (...args: unknown[]) => unknown> & Encoded;

/** The library as it comes. */
const original = jest.requireActual<EncoderClass>('kafkajs/src/protocol/encoder.js');
const writes: [string, ...unknown[]][] = [
  ...[0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 2 ** 20, 2 ** 30, -(2 ** 31), 2 ** 31 - 1].flatMap(
    (n): [string, ...unknown[]][] => [
      ['writeVarInt', n],
      ['writeUVarInt', n],
      ['writeInt32', n],
    ],
  ),
  ['writeVarLong', 1_790_000_000_000],
  ['writeInt64', '-9007199254740993'],
  ['writeInt8', -3],
  ['writeInt16', 300],
  ['writeString', 'ünï ☃'],
  ['writeString', null],
  ['writeVarIntString', 'x'.repeat(300)],
  ['writeVarIntBytes', Buffer.alloc(0)],
  ['writeVarIntBytes', null],
  ['writeVarIntBytes', 'text'],
  ...[1, 200, 255, 256, 257, 511, 512, 513, 5000, 100_000].map((size): [string, ...unknown[]] => [
    'writeVarIntBytes',
    Buffer.alloc(size, size % 251),
  ]),
];

/** Each write alone, and all of them in one encoder and in nested ones. */
function encodeAll(Encoder: EncoderClass): Buffer[] {
  const alone = writes.map(([name, ...args]) => {
    const encoder = new Encoder();
    encoder[name]!(...args);
    return encoder.buffer;
  });
  const together = new Encoder();
  for (const [name, ...args] of writes) together[name]!(...args);
  const outer = new Encoder(3);
  outer['writeEncoder']!(together);
  outer['writeArray']!([together, new Encoder()], 'object');
  outer['writeVarIntArray']!([together]);
  return [...alone, together.buffer, outer.buffer, new Encoder().buffer];
}

it('the quickened encoder writes the very bytes that the original writes', () => {
  const expected = encodeAll(original);
  quickenEncoder();
  quickenEncoder();
  expect(encodeAll(original)).toEqual(expected);
  expect(expected.at(-2)!.length).toBeGreaterThan(300_000);
});

it('what an encoder wrote stays as it is while others write', () => {
  quickenEncoder();
  const encoders = Array.from({ length: 500 }, (_, n) => {
    const encoder = new original();
    encoder['writeVarIntBytes']!(Buffer.alloc(n, n % 251));
    return encoder;
  });
  encoders.forEach((encoder, n) => {
    expect(encoder.buffer.subarray(-n || Infinity)).toEqual(Buffer.alloc(n, n % 251));
  });
});
