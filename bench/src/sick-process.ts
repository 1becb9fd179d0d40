// Endpoints that are no good: /hang answers after 15 s, /fail with 500, /ok at once. Nothing is counted here.
import { createServer } from 'node:http';

const HANG_MS = 15_000;

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.url === '/hang') {
      setTimeout(() => response.end('late'), HANG_MS);
      return;
    }
    response.statusCode = request.url === '/fail' ? 500 : 200;
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : null });
});
process.on('disconnect', () => process.exit(0));
