// Endpoints that are no good: /hang answers after 15 s, /fail with 500, /never with 404, /second with 404 to every first
// attempt and 200 to the next, /ok at once. Nothing is counted here.
import { createServer } from 'node:http';

const HANG_MS = 15_000;

function statusOf(path: string, first: boolean): number {
  if (path === '/fail') return 500;
  // A 404 speaks against the delivery and not against the endpoint: its breaker stays closed.
  return path === '/never' || (path === '/second' && first) ? 404 : 200;
}

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.url === '/hang') {
      setTimeout(() => response.end('late'), HANG_MS);
      return;
    }
    response.statusCode = statusOf(request.url ?? '', request.headers['x-milena-attempt'] === '1');
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : null });
});
process.on('disconnect', () => process.exit(0));
