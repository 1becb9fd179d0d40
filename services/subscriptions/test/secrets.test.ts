import { errorsOf, startApi, type Api } from './support/api.ts';

const PATH = '/api/v1/subscriptions';
let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe('secrets', () => {
  const secretOf = async (id: string) => (await api.live.load(id))?.secrets ?? [];

  test('a given secret is stored and never shown, not even in the logs', async () => {
    const secret = 'hush-hush-0123456789';
    const { status, body } = await api.call('POST', PATH, { target_url: 'https://example.com', secret });
    expect(status).toBe(201);
    const { id } = body;
    const answers = [
      await api.call('GET', `${PATH}/${id}`),
      await api.call('GET', PATH),
      await api.call('PATCH', `${PATH}/${id}`, { secret }),
      await api.call('PUT', `${PATH}/${id}`, { target_url: 'https://example.com', secret }),
      await api.call('POST', PATH, { target_url: 'https://example.com', secret, generate_secret: true }),
      await api.call('POST', PATH, { target_url: 'nope', secret }),
      await api.call('POST', PATH, `{"target_url":"https://example.com","secret":"${secret}"`),
    ];
    expect(JSON.stringify([body, ...answers.map((answer) => answer.body)])).not.toContain(secret);
    expect(await secretOf(id)).toEqual([{ value: secret, expires_at: null }]);
    expect(api.lines.join('')).not.toContain(secret);
  });

  test('a generated one shows once and is what signs', async () => {
    const { body } = await api.call('POST', PATH, {
      target_url: 'https://example.com',
      generate_secret: true,
    });
    expect(body).toMatchObject({
      has_secret: true,
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
    expect((await secretOf(body.id))[0]?.value).toBe(body.secret);
    const read = await api.call('GET', `${PATH}/${body.id}`);
    expect(read.body).not.toHaveProperty('secret');
    expect(api.lines.join('')).not.toContain(body.secret);
    const again = await api.call('PATCH', `${PATH}/${body.id}`, { generate_secret: true });
    expect(again.body.secret).not.toBe(body.secret);
    expect(await secretOf(body.id)).toEqual([{ value: again.body.secret, expires_at: null }]);
  });

  test('null removes it, absent keeps it', async () => {
    const { id } = await api.subscribe({ secret: '12345678' });
    expect((await api.call('PATCH', `${PATH}/${id}`, { description: 'x' })).body.has_secret).toBe(true);
    expect((await api.call('PATCH', `${PATH}/${id}`, { secret: null })).body.has_secret).toBe(false);
    expect(await secretOf(id)).toEqual([]);
  });

  const base64 = (bytes: number): string => Buffer.alloc(bytes, 1).toString('base64');
  test.each([
    ['7 characters', '1234567', 422],
    ['8 characters', '12345678', 201],
    ['257 characters', 'x'.repeat(257), 422],
    ['a line break', '12345678\n', 422],
    ['letters beyond ASCII', 'пароль-пароль', 422],
    ['whsec_ and 23 bytes', `whsec_${base64(23)}`, 422],
    ['whsec_ and 24 bytes', `whsec_${base64(24)}`, 201],
    ['whsec_ and 64 bytes', `whsec_${base64(64)}`, 201],
    ['whsec_ and 65 bytes', `whsec_${base64(65)}`, 422],
    ['whsec_ without padding', `whsec_${base64(32).replace(/=+$/, '')}`, 201],
    ['whsec_ and no base64', `whsec_${'!'.repeat(32)}`, 422],
    ['whsec_ and base64url', `whsec_${Buffer.alloc(32, 255).toString('base64url')}`, 422],
    ['a number', 12345678, 422],
  ])('a secret of %s', async (_what, secret, expected) => {
    const { status, body } = await api.call('POST', PATH, { target_url: 'https://example.com', secret });
    expect(status).toBe(expected);
    if (expected === 422) expect(errorsOf(body)).toContain('secret');
  });

  test('rotation keeps the old one valid for the grace period, a day unless told', async () => {
    const { id } = await api.subscribe({ secret: 'the-old-one' });
    const before = Date.now();
    const { status, body, headers } = await api.call('POST', `${PATH}/${id}/secret/rotate`);
    expect([status, headers['etag']]).toEqual([200, '"2"']);
    const until = Date.parse(body.previous_valid_until);
    expect(until - before).toBeGreaterThanOrEqual(86_400_000);
    expect(until - before).toBeLessThan(86_430_000);
    expect(await secretOf(id)).toEqual([
      { value: body.secret, expires_at: null },
      { value: 'the-old-one', expires_at: until },
    ]);
    expect(api.lines.join('')).not.toContain(body.secret);
  });

  test('without grace the old one ends at once; without an old one the first is made', async () => {
    const { id } = await api.subscribe();
    const first = await api.call('POST', `${PATH}/${id}/secret/rotate`, {});
    expect(first.body.previous_valid_until).toBeNull();
    const { body } = await api.call('POST', `${PATH}/${id}/secret/rotate`, { grace_period_s: 0 });
    expect(body.previous_valid_until).toBeNull();
    expect(await secretOf(id)).toEqual([{ value: body.secret, expires_at: null }]);
  });

  test.each([-1, 604_801, 1.5, '60', null])('a grace period of %p is refused', async (grace_period_s) => {
    const { id } = await api.subscribe();
    const { status, body } = await api.call('POST', `${PATH}/${id}/secret/rotate`, { grace_period_s });
    expect([status, errorsOf(body)]).toEqual([422, ['grace_period_s']]);
  });
});
