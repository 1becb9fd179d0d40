import { createTestClock, sleep, systemClock, type TestClock } from '@milena/runtime';
import type { HttpPost, Lookup } from '../src/index.ts';
import { createWorkshop, type Endpoint, type Workshop } from './endpoints.ts';

let shop: Workshop;
let clock: TestClock;
let endpoint: Endpoint;
let client: HttpPost;
/** Names in the order in which their look-ups began. */
let asked: string[];
let underWay: Map<string, { answer: (addresses: string[]) => void; fail: (error: Error) => void }>;

/** Names that begin with `hang` fail after ten seconds, `held` ones are the test's to answer, others answer at once. */
const lookup: Lookup = (name) => {
  asked.push(name);
  if (!/^(hang|held)/.test(name)) return Promise.resolve(['127.0.0.1']);
  return new Promise((resolve, reject) => {
    underWay.set(name, { answer: resolve, fail: reject });
    const noAnswer = Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' });
    if (name.startsWith('hang')) clock.after(10_000, () => underWay.get(name)?.fail(noAnswer));
  });
};

beforeEach(async () => {
  shop = createWorkshop();
  clock = createTestClock();
  asked = [];
  underWay = new Map();
  client = shop.client({ clock, lookup });
  // Every post needs a connection, and so an address.
  endpoint = await shop.http((_request, response) => response.writeHead(200, { connection: 'close' }).end());
});
afterEach(() => shop.close());

function post(name: string, timeoutMs = 4000) {
  const url = `http://${name}:${endpoint.port}/`;
  const posting = client.post({ url, headers: {}, body: Buffer.from('{}'), timeoutMs });
  // What is still under way when a test ends is cut short.
  posting.catch(() => undefined);
  return posting;
}

const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}-${i}.test`);

/** What is due now has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await settle();
}

/** Posts to names with hanging servers every five seconds, `rounds` times, and each time to the others after them. */
async function postInRounds(rounds: number, hanging: string[], others: (round: number) => string) {
  const results: Awaited<ReturnType<typeof post>>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const name of hanging) void post(name);
    await settle();
    const name = others(round);
    const posting = post(name);
    await settle();
    // With an address it is answered; one still in line only comes to its deadline.
    if (asked.includes(name)) await Promise.race([posting, sleep(systemClock, 1000)]);
    await pass(5000);
    results.push(await posting);
  }
  return results;
}

describe('look-ups of names', () => {
  it('many posts to one name wait for one look-up', async () => {
    const posting = Array.from({ length: 50 }, () => post('held.test'));
    await settle();
    underWay.get('held.test')?.answer(['127.0.0.1']);
    for (const result of await Promise.all(posting)) expect(result.ok).toBe(true);
    expect(asked).toEqual(['held.test']);
  });

  it('names not known yet never take more than five threads of the resolver, and the others follow in turn', async () => {
    const all = names('held', 12);
    const posting = all.map((name) => post(name));
    await settle();
    expect(asked).toEqual(all.slice(0, 5));
    for (const [i, name] of all.entries()) {
      underWay.get(name)?.answer(['127.0.0.1']);
      await posting[i];
    }
    expect(asked).toEqual(all);
    for (const result of await Promise.all(posting)) expect(result.ok).toBe(true);
  });

  it('names that were quick take up to eight threads, also where others take all they may', async () => {
    const quick = names('held', 12);
    for (const name of quick) {
      const posting = post(name);
      await settle();
      underWay.get(name)?.answer(['127.0.0.1']);
      await posting;
    }
    await pass(30_000);
    asked = [];
    for (const name of [...names('hang', 9), ...quick]) void post(name);
    await settle();
    expect(asked).toEqual([...names('hang', 5), ...quick.slice(0, 3)]);
    await pass(500);
    for (const name of quick) underWay.get(name)?.answer(['127.0.0.1']);
    await settle();
    expect(asked).toEqual([...names('hang', 5), ...quick.slice(0, 6)]);
  });

  it('a look-up that no post waits for any more is not begun', async () => {
    const fillers = names('held', 5);
    for (const name of fillers) void post(name, 60_000);
    const gone = post('gone.test', 1000);
    const left = post('shared.test', 1000);
    const stays = post('shared.test', 60_000);
    await pass(1000);
    for (const posting of [gone, left]) {
      expect(await posting).toMatchObject({
        error_kind: 'timeout',
        error_detail: 'The deadline of 1000 ms passed while its name was being resolved.',
      });
    }
    for (const name of fillers) underWay.get(name)?.answer(['127.0.0.1']);
    expect(await stays).toMatchObject({ ok: true });
    expect(asked).toEqual([...fillers, 'shared.test']);
    expect(await post('gone.test')).toMatchObject({ ok: true });
  });

  it('closing the client begins none of the look-ups in line', async () => {
    const posts = Promise.allSettled([...names('held', 5), 'later.test'].map((name) => post(name)));
    await settle();
    await client.close();
    await posts;
    for (const { answer } of underWay.values()) answer(['127.0.0.1']);
    await settle();
    expect(asked).toEqual(names('held', 5));
  });
});

describe('forty names whose servers hang', () => {
  const hanging = names('hang', 40);

  it('let no post to a name that answered before fail', async () => {
    expect(await post('healthy.test')).toMatchObject({ ok: true });
    const results = await postInRounds(26, hanging, () => 'healthy.test');
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    // Kept answers alone would not do.
    expect(asked.filter((name) => name === 'healthy.test').length).toBeGreaterThan(3);
  });

  it('let a name that is new wait for each of them once at the most, and then no new one any more', async () => {
    await postInRounds(18, hanging, () => 'healthy.test');
    expect(asked).toContain('healthy.test');
    const results = await postInRounds(10, hanging, (round) => `fresh-${round}.test`);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    // They are still tried, should their servers be back.
    const tries = asked.length;
    await postInRounds(10, hanging, () => 'healthy.test');
    expect(asked.slice(tries).filter((name) => name.startsWith('hang')).length).toBeGreaterThan(5);
  });

  it('a quick name that was slow once is not taken for one of them', async () => {
    await postInRounds(18, hanging, () => 'healthy.test');
    const known = post('held.test');
    await settle();
    underWay.get('held.test')?.answer(['127.0.0.1']);
    await known;
    await pass(30_000);
    const slow = post('held.test', 60_000);
    await pass(5000);
    underWay.get('held.test')?.answer(['127.0.0.1']);
    expect(await slow).toMatchObject({ ok: true });
    await pass(30_000);
    asked = [];
    for (const name of hanging) void post(name);
    void post('held.test');
    await settle();
    expect(asked).toEqual([...hanging.slice(0, 2), 'held.test']);
  });
});

describe('answers kept', () => {
  it('serve new connections for thirty seconds, in next to no time', async () => {
    for (let i = 0; i < 3; i += 1) {
      const { ok, timings } = await post('kept.test');
      expect([ok, timings]).toEqual([true, expect.objectContaining({ connect_ms: expect.any(Number) })]);
      if (i > 0) expect(timings.dns_ms).toBeLessThan(50);
      clock.advance(14_999);
    }
    expect(asked).toHaveLength(1);
    clock.advance(2);
    expect(await post('kept.test')).toMatchObject({ ok: true });
    expect(asked).toHaveLength(2);
  });

  it('are dropped when connecting failed or took until the deadline', async () => {
    expect(await post('moves.test')).toMatchObject({ ok: true });
    endpoint.server.close();
    await settle();
    expect(await post('moves.test')).toMatchObject({ error_kind: 'connect' });
    expect(asked).toHaveLength(1);
    expect(await post('moves.test')).toMatchObject({ error_kind: 'connect' });
    expect(asked).toHaveLength(2);

    const silent = await shop.raw(() => undefined);
    const handshake = (name: string) =>
      client.post({
        url: `https://${name}:${silent.port}/`,
        headers: {},
        body: Buffer.from('{}'),
        timeoutMs: 1000,
      });
    for (let i = 1; i <= 2; i += 1) {
      const posting = handshake('silent.test');
      while (silent.connections() < i) await settle();
      await pass(1000);
      expect(await posting).toMatchObject({ error_kind: 'timeout' });
      expect(asked.filter((name) => name === 'silent.test')).toHaveLength(i);
    }
  });

  it('are none when the name had no answer', async () => {
    for (let i = 1; i <= 2; i += 1) {
      const posting = post('held.test');
      await settle();
      underWay.get('held.test')?.fail(new Error('no'));
      expect(await posting).toMatchObject({ error_kind: 'dns' });
      expect(asked).toHaveLength(i);
    }
  });
});
