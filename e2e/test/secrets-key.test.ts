import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { removeDataDir, startAllInOne, temporaryDataDir, type RunningAllInOne } from '@milena/testing';
import { eventually } from '../src/client.ts';

const SECRET = 'a-secret-that-outlives-its-key';

describe('a change of SECRETS_KEY', () => {
  const dataDir = temporaryDataDir();
  let milena: RunningAllInOne | null = null;
  afterAll(async () => {
    await milena?.stop();
    removeDataDir(dataDir);
  });

  const restart = async (env: Record<string, string>): Promise<RunningAllInOne> => {
    await milena?.stop();
    milena = await startAllInOne({ dataDir, env: { LOG_LEVEL: 'info', ...env } });
    return milena;
  };
  const sendSigned = async ({ api }: RunningAllInOne, id: string): Promise<number> => {
    const body = '{"order":42}';
    const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
    return (await fetch(`${api}/ingest/${id}`, { method: 'POST', headers, body })).status;
  };

  it('leaves every secret readable: with the old key beside the new one at once, without it once all are sealed anew', async () => {
    const first = await restart({});
    const made = await fetch(`${first.api}/api/v1/subscriptions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ target_url: `${first.demo_receiver}/ok`, secret: SECRET }),
    });
    const { id } = (await made.json()) as { id: string };
    expect(await sendSigned(first, id)).toBe(202);

    const SECRETS_KEY = randomBytes(32).toString('base64');
    const SECRETS_KEY_PREVIOUS = readFileSync(path.join(dataDir, 'secrets.key'), 'utf8').trim();
    const both = await restart({ SECRETS_KEY, SECRETS_KEY_PREVIOUS });
    expect(await sendSigned(both, id)).toBe(202);
    const said = await eventually(
      () => Promise.resolve(both.output()),
      (text) => text.includes('secrets.resealed'),
    );
    expect(said).toContain('"event":"secrets.resealed","resealed":1,"unreadable":0');

    const after = await restart({ SECRETS_KEY });
    expect(await sendSigned(after, id)).toBe(202);
    expect(after.output()).not.toContain(SECRETS_KEY);
  }, 120_000);
});
