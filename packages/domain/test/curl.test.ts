import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { curlOf, type CurlHeader } from '@milena/domain';

interface Received {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

const SHELLS = ['sh', 'bash', 'dash', 'zsh'].filter(
  (shell) => spawnSync(shell, ['-c', 'true']).error === undefined,
);

describe.each(SHELLS)('a command that repeats a request, run by %s', (shell) => {
  const received: Received[] = [];
  let server: Server;
  let base: string;
  let payloads: Record<string, { body: Buffer; authorization: string | undefined }>;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const payload = payloads[url];
        if (method === 'GET' && payload) {
          payload.authorization = headers.authorization;
          response.end(payload.body);
          return;
        }
        received.push({ method, url, headers, body: Buffer.concat(chunks) });
        response.end('ok');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    received.length = 0;
    payloads = {};
  });
  afterAll(() => {
    server.close();
  });

  function run(command: string, env: Record<string, string> = {}) {
    return new Promise<{ code: number | null; said: string }>((resolve) => {
      // Locales decide what a shell takes for a character; the bytes must not depend on it.
      const child = spawn(shell, ['-c', command], {
        env: { PATH: process.env['PATH'], LC_ALL: 'C', ...env },
      });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.on('close', (code) => {
        resolve({ code, said });
      });
    });
  }

  async function sent(
    over: Partial<Parameters<typeof curlOf>[0]>,
    env?: Record<string, string>,
  ): Promise<Received> {
    const request = { url: `${base}/hooks`, headers: [], payload: Buffer.from('{}'), payloadPath: '/p' };
    const { code, said } = await run(curlOf({ ...request, ...over }), env);
    expect([code, said]).toEqual([0, expect.stringContaining('200 OK')]);
    expect(received).toHaveLength(1);
    return received[0]!;
  }

  it('sends what it is given and nothing else', async () => {
    const headers: CurlHeader[] = [
      { name: 'content-type', value: 'application/json; charset=utf-8' },
      { name: 'x-shop', value: 'north' },
    ];
    const { method, url, headers: got, body } = await sent({ headers, payload: Buffer.from('{"a":1}\n') });
    expect([method, url, body.toString()]).toEqual(['POST', '/hooks', '{"a":1}\n']);
    const host = new URL(base).host;
    expect(got).toEqual({
      host,
      'user-agent': expect.stringMatching(/^curl/),
      'content-type': 'application/json; charset=utf-8',
      'x-shop': 'north',
      'content-length': '8',
    });
  });

  it('hands every value on as it is, whatever it would mean to a shell', async () => {
    const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, n) => 0x20 + n));
    const values = [
      `it's "quoted" \`touch /tmp/x\` $(exit 9) \${PATH} $HOME \\n \\' !! #x; rm -rf . & | > < * ? [a] {a,b} ~`,
      `x${printable}x`,
      `'; exit 9; '`,
      '@/etc/passwd',
      '%s%d\\045',
      '-K/etc/passwd',
      'tab\there',
      `caf\xe9 ${String.fromCharCode(...Array.from({ length: 128 }, (_, n) => 0x80 + n))} 'x' %s`,
    ];
    const headers = values.map((value, n): CurlHeader => ({ name: `x-value-${n}`, value }));
    const { headers: got } = await sent({ headers });
    expect(values.map((_, n) => got[`x-value-${n}`])).toEqual(values);
  });

  it('sends headers with names out of the ordinary, and those without a value', async () => {
    const headers: CurlHeader[] = [
      { name: "x!#$%&'*+.^_`|~y", value: 'odd' },
      { name: 'x-empty', value: '' },
      { name: 'x-blank', value: '  ' },
      { name: 'Accept', value: 'text/x' },
    ];
    const { headers: got } = await sent({ headers });
    expect(got).toMatchObject({ "x!#$%&'*+.^_`|~y": 'odd', 'x-empty': '', 'x-blank': '', accept: 'text/x' });
  });

  it('calls the URL that was called, whatever it would mean to a shell or to curl', async () => {
    const target = `/a/../b/{x,y}/[1-3]/%2e%2e/it's$(exit 9)\`id\`;&?q=it's&r={1,2}&s=[a-c]|#fragment`;
    const { pathname, search } = new URL(base + target);
    const { url } = await sent({ url: base + target });
    expect(url).toBe(pathname + search);
  });

  it.each([
    ['text in other scripts', `{"a":"Grüße, мир 你好 🎉", "b":'it''s', "c":"\\\\ \\" $(exit 9) \`id\` !x"}`],
    ['lines', '{\n  "a": 1\n}\n\n'],
    ['a file name', '@/etc/passwd'],
    ['an option', '--help'],
  ])('sends a short payload inline: %s', async (_, text) => {
    const command = curlOf({ url: base, headers: [], payload: Buffer.from(text), payloadPath: '/p' });
    expect(command).not.toContain('MILENA_URL');
    expect((await sent({ payload: Buffer.from(text) })).body.toString()).toBe(text);
  });

  it.each([
    ['one that is long', Buffer.alloc(2_000_000, '{"a":1}\r\n')],
    ['one with bytes that are no text', Buffer.from([0x22, 0xff, 0xfe, 0x00, 0x0a, 0x22])],
    ['one with a tab', Buffer.from('{"a":\t1}')],
    ['one that turns the direction of text', Buffer.from('{"a":"\u202e"}')],
  ])('fetches the payload from the API, byte for byte: %s', async (_, payload) => {
    const payloadPath = '/api/v1/deliveries/0198c5e2-7d1a-7c3e-9b51-000000000001/payload';
    payloads[payloadPath] = { body: payload, authorization: 'none' };
    const got = await sent({ payload, payloadPath }, { MILENA_URL: base });
    expect(got.body.equals(payload)).toBe(true);
    expect(got.headers).not.toHaveProperty('expect');
    expect(payloads[payloadPath].authorization).toBeUndefined();
    received.length = 0;
    await sent({ payload, payloadPath }, { MILENA_URL: base, MILENA_KEY: "a key's" });
    expect(payloads[payloadPath].authorization).toBe("Bearer a key's");
  });

  it('sends nothing when the payload can not be fetched, and leaves no file behind', async () => {
    const request = { url: base, headers: [], payload: Buffer.alloc(5000, 'x'), payloadPath: '/p' };
    const folder = mkdtempSync(path.join(tmpdir(), 'curl-test-'));
    const env = { TMPDIR: folder };
    const { code } = await run(curlOf(request), { ...env, MILENA_URL: 'http://127.0.0.1:1' });
    expect([code === 0, received]).toEqual([false, []]);
    const without = await run(curlOf(request), env);
    expect([without.code === 0, without.said]).toEqual([
      false,
      expect.stringContaining('MILENA_URL: set it'),
    ]);
    expect(received).toEqual([]);
    payloads['/p'] = { body: request.payload, authorization: 'none' };
    await sent(request, { ...env, MILENA_URL: base });
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  const toFill: CurlHeader[] = [
    { name: 'authorization', variable: 'HEADER_AUTHORIZATION', how: 'the value of the header' },
    { name: 'webhook-timestamp', variable: 'WEBHOOK_TIMESTAMP', value: '1769000000' },
  ];

  it('takes what is secret from the shell, as it is there', async () => {
    const secret = `Bearer it's $(exit 9) "x" \\ *`;
    const { headers } = await sent({ headers: toFill }, { HEADER_AUTHORIZATION: secret });
    expect(headers).toMatchObject({ authorization: secret, 'webhook-timestamp': '1769000000' });
    received.length = 0;
    const now = { HEADER_AUTHORIZATION: 'x', WEBHOOK_TIMESTAMP: '1770000000' };
    expect((await sent({ headers: toFill }, now)).headers['webhook-timestamp']).toBe('1770000000');
  });

  it('sends nothing while a secret is missing, and says what it is', async () => {
    const request = { url: base, headers: toFill, payload: Buffer.from('{}'), payloadPath: '/p' };
    const { code, said } = await run(curlOf(request));
    expect(code).not.toBe(0);
    expect(said).toContain('HEADER_AUTHORIZATION: the value of the header');
    expect(received).toEqual([]);
  });
});
