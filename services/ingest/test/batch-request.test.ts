import { HttpProblem, parseJsonBody } from '@milena/http';
import { readBatch } from '../src/batch-request.ts';

const MAX_PAYLOAD = 262_144;
const MIB = 1024 * 1024;
const GOOD = '{"event_type":"a","payload":1}';

async function problemOf(body: string | Buffer): Promise<HttpProblem | null> {
  try {
    await readBatch(Buffer.from(body), MAX_PAYLOAD);
    return null;
  } catch (error) {
    if (error instanceof HttpProblem) return error;
    throw error;
  }
}

/** How much text is parsed while a body is read. */
async function parsedOf(body: Buffer): Promise<number> {
  const parse = jest.spyOn(JSON, 'parse');
  try {
    await readBatch(body, MAX_PAYLOAD).catch(() => undefined);
    return parse.mock.calls.reduce((sum, [text]) => sum + text.length, 0);
  } finally {
    parse.mockRestore();
  }
}

describe('a hostile batch is refused before its bulk is parsed:', () => {
  const large = [{ path: '[0].payload', message: `must not be larger than ${MAX_PAYLOAD} bytes` }];
  const many = [{ path: '', message: 'Too big: expected array to have <=1000 items' }];
  it.each([
    ['16 MiB of open brackets', '['.repeat(16 * MIB), large],
    ['16 MiB of empty objects', `[${'{},'.repeat(5 * MIB)}{}]`, many],
    ['16 MiB of nothing between commas', `[${','.repeat(16 * MIB - 1)}`, many],
    ['a string that never ends', `[{"event_type":"a","payload":"${'A'.repeat(12 * MIB)}`, large],
    ['an event that never ends', `[{"event_type":"a","payload":"${'A'.repeat(12 * MIB)}"`, large],
    ['a number of 12 MiB', `[${'1'.repeat(12 * MIB)}]`, large],
    ['an object of 12 MiB', `{"a":${'['.repeat(12 * MIB)}`, [{ path: '', message: expect.any(String) }]],
    ['12 MiB of blanks', ' '.repeat(12 * MIB), [{ path: '', message: expect.any(String) }]],
  ])('%s', async (_name, text, errors) => {
    const body = Buffer.from(text);
    expect(await problemOf(body)).toMatchObject({ status: 422, slug: 'invalid-body', errors });
    expect(await parsedOf(body)).toBe(0);
  });
});

it('others have their turns while large events are read', async () => {
  const deep = '['.repeat(130_000) + ']'.repeat(130_000);
  const items = Array.from({ length: 40 }, () => `{"event_type":"a","payload":${deep}}`);
  let turns = 0;
  const count = setInterval(() => (turns += 1), 1);
  const batch = await readBatch(Buffer.from(`[${items.join(',')}]`), MAX_PAYLOAD);
  clearInterval(count);
  expect(batch).toHaveLength(40);
  expect(turns).toBeGreaterThan(3);
});

it('of batches that are read at the same time only one works in each turn', async () => {
  const deep = '['.repeat(130_000) + ']'.repeat(130_000);
  const body = Buffer.from(`[${Array(8).fill(`{"event_type":"a","payload":${deep}}`).join(',')}]`);
  const parse = jest.spyOn(JSON, 'parse');
  // Every look at the clock finds a turn over, on however fast a machine.
  let now = 0;
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => (now += 100));
  const perTurn: number[] = [];
  let reading = true;
  const count = (): void => {
    perTurn.push(parse.mock.calls.filter(([text]) => text.length > 1000).length);
    parse.mockClear();
    if (reading) setImmediate(count);
  };
  const batches = Array.from({ length: 4 }, () => readBatch(body, MAX_PAYLOAD));
  setImmediate(count);
  await Promise.all(batches);
  reading = false;
  parse.mockRestore();
  clock.mockRestore();
  expect(Math.max(...perTurn)).toBe(1);
});

it('the largest payload fits, with all that may be around it; a byte more is refused as before', async () => {
  const payload = (bytes: number): string => `"${'x'.repeat(bytes - 2)}"`;
  const blanks = ' '.repeat(60_000);
  const batch = `[${GOOD},{"event_type":"a",${blanks}"payload":${payload(MAX_PAYLOAD)}}]`;
  expect((await readBatch(Buffer.from(batch), MAX_PAYLOAD))[1]?.payload).toHaveLength(MAX_PAYLOAD);
  for (const bytes of [MAX_PAYLOAD + 1, MAX_PAYLOAD * 2]) {
    const problem = await problemOf(`[${GOOD},{"event_type":"a","payload":${payload(bytes)}},${GOOD}]`);
    expect(problem?.errors).toEqual([
      { path: '[1].payload', message: `must not be larger than ${MAX_PAYLOAD} bytes` },
    ]);
  }
});

it('of very many errors the first hundred are told', async () => {
  const fields = Array.from({ length: 10_000 }, (_, i) => `"f${i}":1`).join(',');
  expect((await problemOf(`[{${fields}},{${fields}}]`))?.errors).toHaveLength(100);
});

describe('what is not JSON is 400,', () => {
  it.each([
    [`[\n ${GOOD},\n  {"event_type" "é"}]`, 'there is no : at line 3, column 17'],
    [`["é", {"é": tru}]`, 'there is no value at line 1, column 13'],
    [`[${GOOD} ${GOOD}]`, 'there is no , or ] at line 1, column 33'],
    [`[${GOOD}\n,]`, 'there is no value at line 2, column 2'],
    [`[${GOOD}]\n]`, 'something follows after its end at line 2, column 1'],
    [`[${GOOD}`, 'it ends too early at line 1, column 32'],
    ['[]]', 'something follows after its end at line 1, column 3'],
    ['{"a"', 'it ends too early at line 1, column 5'],
    ['', 'it ends too early at line 1, column 1'],
    ['\ufeff[]', 'there is no value at line 1, column 1'],
  ])('and %j is told where it breaks', async (text, where) => {
    expect(await problemOf(text)).toMatchObject({
      status: 400,
      detail: `The body is not valid JSON: ${where}.`,
    });
  });

  it('but not where, when that is megabytes away', async () => {
    const problem = await problemOf(`[${GOOD}${' '.repeat(2 * MIB)}x]`);
    expect(problem).toMatchObject({ status: 400, detail: 'The body is not valid JSON.' });
  });

  it('as bytes that are not UTF-8 are', async () => {
    const body = Buffer.concat([Buffer.from('["'), Buffer.from([0xff]), Buffer.from('"]')]);
    expect(await problemOf(body)).toMatchObject({ status: 400, detail: 'The body is not UTF-8.' });
  });

  it('just as if it was parsed as a whole: 4,000 damaged batches', async () => {
    const good = `[${GOOD},\n {"payload":{"b":[1,2.5e3,"x\\"y",{}]},"event_type":"\\u00e9"}, [true,null], "z"]`;
    const alphabet = '{}[],:"\\0159.-eEtrufalsn \n';
    let seed = 11;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    const detailOfWhole = (text: string): string | null => {
      try {
        parseJsonBody(Buffer.from(text));
        return null;
      } catch (error) {
        return (error as HttpProblem).detail;
      }
    };
    for (let i = 0; i < 4000; i += 1) {
      let text = good;
      for (let edits = 1 + random(3); edits > 0; edits -= 1) {
        const at = random(text.length);
        text = text.slice(0, at) + alphabet.charAt(random(alphabet.length)) + text.slice(at + random(2));
      }
      const problem = await problemOf(text);
      const detail = problem?.status === 400 ? problem.detail : null;
      expect([text, detail]).toEqual([text, detailOfWhole(text)]);
    }
  });
});
