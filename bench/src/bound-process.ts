// The bound: what the same job costs with no durability, no retries, no log. Answers 202 and forwards the body.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const target = new URL(process.argv[2] ?? '');
const pool = new Pool(target.origin, { connections: 64 });
const REPLY = '{"status":"queued"}';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    pool
      .request({
        method: 'POST',
        path: target.pathname,
        headers: { 'content-type': 'application/json' },
        body,
      })
      .then((reply) => reply.body.dump())
      .catch((error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
      });
    response.writeHead(202, { 'content-type': 'application/json', 'content-length': REPLY.length });
    response.end(REPLY);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : null });
});
process.on('disconnect', () => process.exit(0));
