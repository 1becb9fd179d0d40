import { createHmac } from 'node:crypto';
import { generateApiKey, generateSecret } from '@milena/domain';
import { live } from './fakes.ts';
import { KEY, startIngest } from './harness.ts';

describe('secrets, authorization headers and signatures', () => {
  it('sent through every route and every refusal come out nowhere', async () => {
    const secrets = [generateSecret(), 'canary-secret-0123456789'];
    const signed = live(
      {},
      secrets.map((value) => ({ value, expires_at: null })),
    );
    const ingest = await startIngest({ subscriptions: [signed] });
    const body = '{"order":42}';
    const hub = `sha256=${createHmac('sha256', secrets[1] ?? '')
      .update(body)
      .digest('hex')}`;
    const wrongHub = `sha256=${'ca9a'.repeat(16)}`;
    const wrongStandard = 'v1,Y2FuYXJ5LXNpZ25hdHVyZQ==';
    const wrongKey = generateApiKey();
    const paths = [`/ingest/${signed.subscription.id}`, '/api/v1/events', '/api/v1/events/batch'];
    const texts: string[] = [];
    const statuses = new Set<number>();
    const send = async (path: string, payload: string, headers: Record<string, string>): Promise<void> => {
      const answer = await ingest.post(path, payload, headers);
      statuses.add(answer.status);
      texts.push(JSON.stringify([answer.body, [...answer.headers]]));
    };
    const sendAll = async (): Promise<void> => {
      for (const path of paths) {
        for (const authorization of [
          `Bearer ${wrongKey}`,
          'Bearer canary-wrong-key',
          `Basic ${KEY}`,
          `Bearer ${KEY}`,
        ]) {
          for (const payload of [body, '{"broken', '[{"event_type":"a","payload":1}]']) {
            await send(path, payload, { authorization, 'x-hub-signature-256': wrongHub });
          }
        }
        for (const headers of [
          { 'x-hub-signature-256': hub },
          { 'x-hub-signature-256': wrongHub },
          { 'webhook-id': 'm1', 'webhook-timestamp': '1', 'webhook-signature': wrongStandard },
        ]) {
          await send(path, body, headers);
        }
      }
    };
    await sendAll();
    ingest.log.fail(true);
    ingest.directory.fail(true);
    await sendAll();
    expect([...statuses]).toEqual(expect.arrayContaining([202, 400, 401, 422, 429, 503]));

    const everything = [JSON.stringify(ingest.lines), ...texts, await ingest.metrics.registry.metrics()].join(
      '\n',
    );
    expect(everything).toContain('http.request');
    const hidden = [...secrets, hub, wrongHub, wrongStandard, wrongKey, 'canary-wrong-key', KEY];
    expect(hidden.filter((text) => everything.includes(text))).toEqual([]);
    await ingest.stop();
  });
});
