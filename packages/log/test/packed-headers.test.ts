import { packHeaders, unpackHeaders } from '../src/kafka/packed-headers.ts';

/** As they come back from the cluster. */
const fetched = (headers: ReturnType<typeof packHeaders>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(String(value))]));

describe('headers in the cluster', () => {
  it.each([
    ['none', {}],
    ['some', { 'due-at': '1790000000000', attempt: '2' }],
    ['one whose name is ours', { headers: 'x', other: 'y' }],
    ['odd ones', { ünï: '☃ "quoted" \\ \n', empty: '' }],
  ])('come back as they were: %s', (_, headers) => {
    expect(unpackHeaders(fetched(packHeaders(headers)))).toEqual(headers);
  });

  it('are one header at most', () => {
    expect(Object.keys(packHeaders({ a: '1', b: '2', c: '3' }))).toHaveLength(1);
    expect(packHeaders({})).toEqual({});
  });

  it('that somebody else wrote are read as they stand, the last of a name', () => {
    const theirs = {
      a: Buffer.from('1'),
      b: [Buffer.from('2'), Buffer.from('3')],
      headers: Buffer.from('no JSON'),
    };
    expect(unpackHeaders(theirs)).toEqual({ a: '1', b: '3', headers: 'no JSON' });
    expect(unpackHeaders(undefined)).toEqual({});
  });
});
