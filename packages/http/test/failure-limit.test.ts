import { createLogger, createTestClock } from '@milena/runtime';
import { clientOf, createFailureLimit } from '../src/failure-limit.ts';
import { HttpProblem } from '../src/index.ts';
import { getThing } from './routes.ts';
import { BEARER, ID, startServer } from './server.ts';

function createLimit() {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const clock = createTestClock();
  const logger = createLogger({ service: 'test', level: 'info', destination });
  const limit = createFailureLimit({ clock, logger });
  const unauthorized = new HttpProblem(401, 'unauthorized', 'The API key is not valid.');
  const fail = (address: string) => limit.judge(unauthorized, { address, authorization: 'Bearer x' });
  return { lines, clock, limit, unauthorized, fail };
}

test('failures of an address are 401 for twenty times, then 429 with the seconds to wait', () => {
  const { clock, unauthorized, fail } = createLimit();
  for (let i = 0; i < 20; i += 1) expect(fail('192.0.2.1')).toBe(unauthorized);
  expect(fail('192.0.2.1')).toMatchObject({ status: 429, headers: { 'retry-after': '3' } });
  expect(fail('192.0.2.2')).toBe(unauthorized);
  clock.advance(3000);
  expect(fail('192.0.2.1')).toBe(unauthorized);
  expect(fail('192.0.2.1')).toMatchObject({ status: 429 });
});

test('other errors, and calls that tried nothing, count for nothing', () => {
  const { limit, unauthorized, fail } = createLimit();
  const missing = new HttpProblem(404, 'not-found', 'no');
  for (let i = 0; i < 100; i += 1) {
    expect(limit.judge(missing, { address: '192.0.2.1', authorization: 'Bearer x' })).toBe(missing);
    expect(limit.judge(unauthorized, { address: '192.0.2.1', authorization: undefined })).toBe(unauthorized);
  }
  expect(fail('192.0.2.1')).toBe(unauthorized);
});

test('an address over its limit is logged once a minute, not once a failure', () => {
  const { lines, clock, fail } = createLimit();
  for (let i = 0; i < 1000; i += 1) fail('192.0.2.1');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('auth.limited');
  clock.advance(60_000);
  for (let i = 0; i < 1000; i += 1) fail('192.0.2.1');
  expect(lines).toHaveLength(2);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  [undefined, 'unknown'],
])('the failures of %s count for %s', (address, client) => {
  expect(clientOf(address)).toBe(client);
});

test('a right key passes however much others behind the same address got wrong', async () => {
  const clock = createTestClock();
  const server = await startServer([getThing], { clock });
  const path = `/things/${ID}`;
  const statuses: number[] = [];
  for (let i = 0; i < 25; i += 1) {
    const reply = await server.call(path, { headers: { authorization: 'Bearer wrong-key' } });
    statuses.push(reply.status);
    if (reply.status === 429) expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect((await server.call(path, { headers: BEARER })).status).toBe(200);
  }
  expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401));
  expect(statuses.at(-1)).toBe(429);
  expect((await server.call(path)).status).toBe(401);
  const stopped = server.stop(0);
  clock.advance(1);
  await stopped;
});
