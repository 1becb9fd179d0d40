import { createLogger, type LogLevel } from '../src/index.ts';

function capture(level: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { lines, logger: createLogger({ service: 'ingest', level, destination }) };
}

test('a line is JSON with service, level in words and time in ISO 8601', () => {
  const { lines, logger } = capture('info');
  logger.info({ event: 'event.accepted', event_id: 'e' });
  expect(lines).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'ingest',
      event: 'event.accepted',
      event_id: 'e',
    },
  ]);
});

test('lines below the level are not written', () => {
  const { lines, logger } = capture('warn');
  logger.info({ event: 'a' });
  logger.warn({ event: 'b' });
  capture('silent').logger.fatal({ event: 'c' });
  expect(lines.map((line) => line['event'])).toEqual(['b']);
});

test('secrets never reach a log', () => {
  const { lines, logger } = capture('info');
  const hidden = 'whsec_geheim';
  logger.info({
    secret: hidden,
    secrets: [hidden],
    api_key: hidden,
    password: hidden,
    authorization: hidden,
    headers: {
      authorization: hidden,
      'webhook-signature': hidden,
      'x-hub-signature-256': hidden,
      accept: 'x',
    },
  });
  expect(JSON.stringify(lines)).not.toContain('geheim');
  expect(JSON.stringify(lines)).toContain('"accept":"x"');
});

test('errors are written with message and stack', () => {
  const { lines, logger } = capture('info');
  logger.error({ event: 'x', err: new TypeError('broken') });
  expect(lines[0]).toMatchObject({
    err: { type: 'TypeError', message: 'broken', stack: expect.any(String) },
  });
});
