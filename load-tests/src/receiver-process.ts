// The endpoint: answers as the demo receiver does, and remembers every delivery by its id. On a second port it says what
// it saw: GET /seen?run=…, one line of JSON for each delivery.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createDemoReceiver } from '@milena/demo-receiver';
import { systemClock } from '@milena/runtime';
import { createSeenStore } from './seen.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8090' },
    'seen-port': { type: 'string', default: '8091' },
    forget: { type: 'string', default: '0' },
  },
});

const store = createSeenStore({ forget: Number(values.forget) });
const receiver = createDemoReceiver({
  host: values.host,
  port: Number(values.port),
  clock: systemClock,
  keep: 100,
  onReceived: (capture, response) => {
    const answered = store.add(capture);
    response.once('finish', () => {
      answered(capture.status);
    });
  },
});

const inspection = createServer((request, response) => {
  const run = new URL(request.url ?? '/', 'http://receiver').searchParams.get('run') ?? '';
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const seen of store.of(run)) response.write(`${JSON.stringify(seen)}\n`);
  response.end();
});

async function main(): Promise<void> {
  const { url } = await receiver.start();
  await new Promise<void>((resolve, reject) => {
    inspection.once('error', reject);
    inspection.listen(Number(values['seen-port']), values.host, resolve);
  });
  const { port } = inspection.address() as AddressInfo;
  const seen = url.replace(/:\d+$/, `:${port}`);
  if (process.send) process.send({ receiver: url, seen });
  else process.stdout.write(`receiver ${url}\nwhat it saw ${seen}\n`);
}

process.on('disconnect', () => process.exit(0));
main().catch((error: unknown) => {
  process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`);
  process.exit(1);
});
