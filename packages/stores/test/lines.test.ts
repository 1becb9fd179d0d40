import { createLines } from '../src/clickhouse/lines.ts';

test('rows become lines of JSON, whatever is in them and however long they are', () => {
  const rows = [
    ['plain', 1, true, null],
    [],
    ['"quoted"\n\t\\', { a: '1', ü: '☃' }],
    ['ünï ☃ 😀'.repeat(40_000)],
    ['x'.repeat(300_000), 0.5],
    ...Array.from({ length: 3000 }, (_, i) => [`row ${i}`, i, 'ä'.repeat(i % 97)]),
  ];
  const lines = createLines();
  for (const row of rows) lines.add(row);
  const text = lines.bytes().toString('utf8');
  expect(text.endsWith('\n')).toBe(true);
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(rows);
});

test('half a surrogate pair becomes the replacement character, and nothing else changes', () => {
  const lines = createLines();
  lines.add(['cut \ud83d', { 'k\udc00': '😀' }]);
  expect(lines.bytes().toString('utf8')).toBe('["cut \ufffd",{"k\ufffd":"😀"}]\n');
});

test('the memory of former lines takes the next ones, and is grown when it is too little', () => {
  const first = createLines();
  first.add(['x'.repeat(100_000)]);
  const memory = first.memory();
  const second = createLines(memory);
  second.add(['short']);
  expect(second.bytes().toString('utf8')).toBe('["short"]\n');
  expect(second.bytes().buffer).toBe(memory.buffer);
  second.add(['y'.repeat(2_000_000)]);
  expect(second.bytes().toString('utf8')).toBe(`["short"]\n["${'y'.repeat(2_000_000)}"]\n`);
});

test('lines that are not wanted any more are taken out, and others can follow', () => {
  const lines = createLines();
  for (const n of [0, 1, 2, 3, 4]) lines.add(['ä'.repeat(n), n]);
  lines.keep((place) => place % 2 === 1);
  expect([lines.size(), lines.bytes().toString('utf8')]).toEqual([2, '["ä",1]\n["äää",3]\n']);
  lines.add(['next']);
  lines.keep((place) => place > 0);
  expect([lines.size(), lines.bytes().toString('utf8')]).toEqual([2, '["äää",3]\n["next"]\n']);
  lines.keep(() => false);
  expect([lines.size(), lines.bytes().length]).toEqual([0, 0]);
});

test('nothing added is nothing sent', () => {
  expect(createLines().bytes().length).toBe(0);
});
