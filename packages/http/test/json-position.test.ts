import { whereJsonBreaks } from '../src/index.ts';

test.each(['{}', '[]', ' [1, -0.5e+3, "a\\u00e9\\n", null, {"a": [true, false]}] \n', '0', '"x"'])(
  '%s is JSON',
  (text) => {
    expect(whereJsonBreaks(text)).toBeNull();
  },
);

test.each([
  ['{"a": 1,}', 1, 9, 'there is no key'],
  ['{"a" 1}', 1, 6, 'there is no :'],
  ['{a: 1}', 1, 2, 'there is no first key or }'],
  ['[1 2]', 1, 4, 'there is no , or ]'],
  ['[1,]', 1, 4, 'there is no value'],
  ['{"a": 1]', 1, 8, 'there is no , or }'],
  ['{"a": tru}', 1, 7, 'there is no value'],
  ["{'a': 1}", 1, 2, 'there is no first key or }'],
  ['[01]', 1, 2, 'there is no value or ]'],
  ['{"a":\n  "b\n"}', 2, 3, 'there is no value'],
  ['[1, 2', 1, 6, 'it ends too early'],
  ['', 1, 1, 'it ends too early'],
  ['{} {}', 1, 4, 'something follows after its end'],
  ['["\\x"]', 1, 2, 'there is no value or ]'],
])('%j breaks at line %d, column %d: %s', (text, line, column, message) => {
  expect(() => JSON.parse(text) as unknown).toThrow();
  expect(whereJsonBreaks(text)).toEqual({ line, column, message });
});

test('agrees with the engine on 5,000 damaged documents', () => {
  const good = '{"a":[1,2.5e3,"x\\"y",{"b":null,"c":[true,false,{}]}],"d":"\\u00e9"}';
  const alphabet = '{}[],:"\\0159.-eEtrufalsn \n';
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const isJson = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  for (let i = 0; i < 5000; i += 1) {
    let text = good;
    for (let edits = 1 + random(3); edits > 0; edits -= 1) {
      const at = random(text.length);
      text = text.slice(0, at) + alphabet.charAt(random(alphabet.length)) + text.slice(at + random(2));
    }
    expect([text, whereJsonBreaks(text) === null]).toEqual([text, isJson(text)]);
  }
});

test('a megabyte of open brackets is judged without exhausting the stack', () => {
  expect(whereJsonBreaks('['.repeat(1_000_000))).toMatchObject({ column: 1_000_001 });
});

test.each([
  ['a string that never ends', '[{"a":"b","c":"' + 'A'.repeat(9_000_000), 15],
  ['an array that never ends', `[{"a":"b","c":"${'A'.repeat(9_000_000)}"}`, 9_000_018],
  ['escapes in a string', `["${'\\u0041\\n'.repeat(1_000_000)}" 1`, 8_000_005],
  ['digits', `[${'1'.repeat(9_000_000)}x`, 2],
  ['blanks', ' '.repeat(9_000_000) + 'x', 9_000_001],
])('nine megabytes of %s are judged without exhausting the stack', (_what, text, column) => {
  expect(whereJsonBreaks(text)).toMatchObject({ line: 1, column });
});
