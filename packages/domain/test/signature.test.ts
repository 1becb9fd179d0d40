import { generateSecret, signHub, signStandard, verifySignature } from '@milena/domain';
import { Webhook } from 'standardwebhooks';

const NOW = Date.UTC(2026, 0, 1);
const NOW_S = NOW / 1000;
const payload = Buffer.from('{"b":1, "u":"\\u00e9 é"}');

function standardHeaders(secrets: string[], timestampS = NOW_S, id = 'msg_1'): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': secrets.map((secret) => signStandard({ secret, id, timestampS, payload })).join(' '),
  };
}

describe('signing', () => {
  it("gives GitHub's published X-Hub-Signature-256 test vector", () => {
    expect(signHub("It's a Secret to Everybody", Buffer.from('Hello, World!'))).toBe(
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    );
  });

  it.each([
    {
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestampS: 1614265330,
      body: '{"test": 2432232314}',
      signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
    {
      secret: 'whsec_plJ3nmyCDGBKInavdOK15jsl',
      id: 'msg_loFOjxBNrRLzqYUf',
      timestampS: 1731705121,
      body: '{"event_type":"ping","data":{"success":true}}',
      signature: 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
    },
  ])('gives the Standard Webhooks vector of $id', ({ secret, id, timestampS, body, signature }) => {
    expect(signStandard({ secret, id, timestampS, payload: Buffer.from(body) })).toBe(signature);
  });

  it('is verified by the reference library, with a generated secret', () => {
    const secret = generateSecret();
    const timestampS = Math.floor(Date.now() / 1000);
    const verified = new Webhook(secret).verify(payload, standardHeaders([secret], timestampS));
    expect(verified).toEqual({ b: 1, u: 'é é' });
  });

  it("is verified by the reference library in raw format, when the secret's own bytes are the key", () => {
    const secret = 'plain secret';
    const timestampS = Math.floor(Date.now() / 1000);
    const webhook = new Webhook(secret, { format: 'raw' });
    expect(() => webhook.verify(payload, standardHeaders([secret], timestampS))).not.toThrow();
  });

  it('takes a whsec_ secret that is no base64 by its own bytes, never as an empty key', () => {
    const sign = (secret: string) => signStandard({ secret, id: 'a', timestampS: 1, payload });
    expect(sign('whsec_')).not.toBe(sign(''));
    expect(sign('whsec_not base64!')).not.toBe(sign('whsec_'));
  });

  it('signs bytes that are no UTF-8 as they are', () => {
    const bytes = (last: number) => Buffer.from([0xff, 0xfe, last]);
    expect(signHub('s', bytes(1))).not.toBe(signHub('s', bytes(2)));
    const sign = (last: number) =>
      signStandard({ secret: 's', id: 'a', timestampS: 1, payload: bytes(last) });
    expect(sign(0xf0)).not.toBe(sign(0xf1));
  });
});

describe('a generated secret', () => {
  it('is whsec_ and 32 random bytes, within the 24 to 64 of Standard Webhooks', () => {
    const secret = generateSecret();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
    expect(generateSecret()).not.toBe(secret);
  });
});

describe('verification', () => {
  const secrets = ['new secret', 'old secret'];
  const check = (headers: Record<string, string>, over: Partial<{ secrets: string[]; nowMs: number }> = {}) =>
    verifySignature({ secrets, payload, headers, nowMs: NOW, ...over });

  it('accepts X-Hub-Signature-256 by any valid secret, in either case of its hex', () => {
    expect(check({ 'x-hub-signature-256': signHub('new secret', payload) })).toEqual({ ok: true });
    const upper = signHub('old secret', payload).slice(7).toUpperCase();
    expect(check({ 'x-hub-signature-256': `sha256=${upper}` })).toEqual({ ok: true });
  });

  it('accepts Standard Webhooks when one of several signatures is by a valid secret', () => {
    expect(check(standardHeaders(['unknown', 'old secret']))).toEqual({ ok: true });
  });

  it("accepts what the reference library signs over our secrets' base64", () => {
    const secret = generateSecret();
    const signature = new Webhook(secret).sign('msg_2', new Date(NOW), payload);
    const headers = {
      'webhook-id': 'msg_2',
      'webhook-timestamp': String(NOW_S),
      'webhook-signature': `v1a,zzz ${signature}`,
    };
    expect(check(headers, { secrets: [secret] })).toEqual({ ok: true });
  });

  it('accepts a valid form beside an invalid one', () => {
    const headers = { ...standardHeaders(['new secret']), 'x-hub-signature-256': 'sha256=00' };
    expect(check(headers)).toEqual({ ok: true });
  });

  it.each([300, -300])('accepts a timestamp %d s away', (seconds) => {
    expect(check(standardHeaders(['new secret'], NOW_S + seconds))).toEqual({ ok: true });
  });

  it.each([301, -301])('refuses a timestamp %d s away', (seconds) => {
    const result = check(standardHeaders(['new secret'], NOW_S + seconds));
    expect(result).toEqual({ ok: false, reason: expect.stringContaining('five minutes') });
  });

  it.each([
    ['nothing', {}],
    ['an unknown secret', { 'x-hub-signature-256': signHub('unknown', payload) }],
    ['another body', { 'x-hub-signature-256': signHub('new secret', Buffer.from('{}')) }],
    ['no prefix', { 'x-hub-signature-256': signHub('new secret', payload).slice(7) }],
    ['SHA-1', { 'x-hub-signature-256': 'sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709' }],
    ['an empty header', { 'x-hub-signature-256': '', 'webhook-signature': '' }],
    ['an unknown secret, standard', standardHeaders(['unknown'])],
    ['another id', { ...standardHeaders(['new secret']), 'webhook-id': 'msg_other' }],
    ['an empty id', { ...standardHeaders(['new secret'], NOW_S, ''), 'webhook-id': '' }],
    ['a timestamp in words', { ...standardHeaders(['new secret']), 'webhook-timestamp': 'now' }],
    ['a fraction', { ...standardHeaders(['new secret']), 'webhook-timestamp': `${NOW_S}.5` }],
    ['no timestamp', { 'webhook-id': 'msg_1', 'webhook-signature': 'v1,aaaa' }],
  ])('refuses %s and says why', (_name, headers) => {
    expect(check(headers)).toEqual({ ok: false, reason: expect.any(String) });
  });

  it('refuses everything when no secret is valid', () => {
    const headers = { 'x-hub-signature-256': signHub('', payload) };
    expect(check(headers, { secrets: [] }).ok).toBe(false);
  });
});
