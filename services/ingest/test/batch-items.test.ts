import { arrayParts, memberText } from '../src/batch-items.ts';

/** The member `payload` of each element; null for an element that is no object or has none. */
const texts = (json: string): (string | null)[] => {
  const body = Buffer.from(json);
  return [...arrayParts(body, body.length)].map(({ kind, start, end }) => {
    expect(kind).toBe('element');
    const element = body.subarray(start, end);
    const text = body[start] === 0x7b ? memberText(element, 'payload') : null;
    return text?.toString() ?? null;
  });
};

describe('the source text of members', () => {
  it.each([
    ['[]', []],
    [' [ ] ', []],
    ['[{"payload":1}]', ['1']],
    ['[{"payload" :\t 12345678901234567890 \n}]', ['12345678901234567890']],
    ['[{"a":1,"payload":1.50e+02,"b":2}]', ['1.50e+02']],
    ['[{"payload":"a\\"]}, \\\\"}]', ['"a\\"]}, \\\\"']],
    ['[{"payload":"\\u00e9 é 🙂"}]', ['"\\u00e9 é 🙂"']],
    ['[{"payload":{ "b":1, "b" :[ {} ,"}]" ]  }},{"payload":[ ]}]', ['{ "b":1, "b" :[ {} ,"}]" ]  }', '[ ]']],
    ['[{"payload":1,"payload": 2}]', ['2']],
    ['[{"\\u0070ayload":true}]', ['true']],
    ['[{"x":{"payload":1}},{},[{"payload":1}],"payload",null,3]', [null, null, null, null, null, null]],
    ['[{"x":"\\\\","payload":null}]', ['null']],
  ])('is found in %s', (json, expected) => {
    expect(texts(json)).toEqual(expected);
  });

  it('is found below any depth', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(texts(`[{"x":${deep},"payload":${deep}}]`)).toEqual([deep]);
  });

  it('shares the memory of the body', () => {
    const body = Buffer.from('{"payload":{"a":1}}');
    expect(memberText(body, 'payload')?.buffer).toBe(body.buffer);
  });

  it('agrees with JSON.parse on 3,000 random documents', () => {
    const random = createRandom(20_260_101);
    for (let round = 0; round < 3000; round += 1) {
      const json = randomArray(random, 4, true);
      const expected = (JSON.parse(json) as unknown[]).map((item) =>
        typeof item === 'object' && item !== null && !Array.isArray(item) && Object.hasOwn(item, 'payload')
          ? (item as { payload: unknown }).payload
          : undefined,
      );
      const found = texts(json);
      expect(found.map((text): unknown => (text === null ? undefined : JSON.parse(text)))).toEqual(expected);
      for (const text of found) {
        expect(text?.trim()).toBe(text ?? undefined);
        expect(text === null || json.includes(text)).toBe(true);
      }
    }
  });
});

describe('the parts of an array', () => {
  const kinds = (json: string, limit = 1000): string[] =>
    [...arrayParts(Buffer.from(json), limit)].map(({ kind, start, end }) => `${kind} ${start}-${end}`);

  it.each([
    ['[1,2', ['element 1-2', 'element 3-4', 'broken 3-5']],
    ['[1 2]', ['element 1-2', 'broken 1-4']],
    ['[1]]', ['element 1-2', 'broken 1-4']],
    ['[] []', ['broken 0-4']],
    ['[1,]', ['element 1-2', 'element 3-3']],
    ['[', ['element 1-1', 'broken 1-2']],
    ['["a', ['element 1-3', 'broken 1-4']],
    ['["\\', ['element 1-3', 'broken 1-4']],
  ])('are told where %s breaks', (json, expected) => {
    expect(kinds(json)).toEqual(expected);
  });

  it('end with an element that is larger than the limit, by one byte and by far', () => {
    expect(kinds('["abc","abcd",1]', 5)).toEqual(['element 1-6', 'large 7-13']);
    expect(kinds('["abc","abc"]', 5)).toEqual(['element 1-6', 'element 7-12']);
    expect(kinds('[[[[[[[[[[[[', 5)).toEqual(['large 1-7']);
    expect(kinds('[1234567,8]', 5)).toEqual(['large 1-7']);
  });

  it('are looked for only as far as they are asked for', () => {
    const parts = arrayParts(Buffer.from(`[1,2,${'['.repeat(1000)}`), 10);
    expect([parts.next(), parts.next()].map(({ value }) => (value ? value.end : null))).toEqual([2, 4]);
  });
});

type Random = (below: number) => number;

/** Numbers that are the same in every run (mulberry32), so that a failure can be looked into. */
function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const BLANKS = ['', '', '', ' ', '\n', '\t', '\r\n  '];
const SCALARS = ['0', '-1.5E-7', '12345678901234567890', 'true', 'false', 'null', '""', '"é🙂"'];
const STRINGS = ['"]}"', '"[{,:"', '"\\\\"', '"\\""', '"\\u005d\\ud83d\\ude42"', '"payload"'];
const KEYS = ['"payload"', '"\\u0070ayload"', '"pay\\u006coad"', '"Payload"', '"x"', '"\\"payload"', '""'];

const pick = (random: Random, from: readonly string[]): string => from[random(from.length)] ?? '';

function randomValue(random: Random, depth: number): string {
  const kind = random(depth > 0 ? 4 : 2);
  if (kind === 0) return pick(random, SCALARS);
  if (kind === 1) return pick(random, STRINGS);
  return kind === 2 ? randomArray(random, depth - 1, false) : randomObject(random, depth - 1);
}

function joined(random: Random, open: string, parts: readonly string[], close: string): string {
  const blank = (): string => pick(random, BLANKS);
  if (parts.length === 0) return `${open}${blank()}${close}`;
  return open + parts.map((part) => blank() + part + blank()).join(',') + close;
}

function randomArray(random: Random, depth: number, ofObjects: boolean): string {
  const parts = Array.from({ length: random(4) }, () =>
    ofObjects && random(5) > 0 ? randomObject(random, depth) : randomValue(random, depth),
  );
  return joined(random, '[', parts, ']');
}

function randomObject(random: Random, depth: number): string {
  const parts = Array.from({ length: random(4) }, () => {
    const [before, after] = [pick(random, BLANKS), pick(random, BLANKS)];
    return `${pick(random, KEYS)}${before}:${after}${randomValue(random, depth)}`;
  });
  return joined(random, '{', parts, '}');
}
