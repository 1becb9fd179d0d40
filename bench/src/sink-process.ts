// The endpoint: answers 200 to everything and counts what it got. Events are told apart by the number in their body.
import { createServer } from 'node:http';
import { quantiles } from './quantiles.ts';

let counts = new Map<number, number>();
let latencies: number[] = [];
const now = (): number => performance.timeOrigin + performance.now();
const HEAD = /^\{"n":(\d+),"t":([\d.]+)/;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    const repeated = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
    response.end(JSON.stringify({ distinct: counts.size, repeated, latency: quantiles(latencies) }));
    return;
  }
  if (request.method === 'DELETE') {
    counts = new Map();
    latencies = [];
    response.end();
    return;
  }
  let first: Buffer | null = null;
  request.on('data', (chunk: Buffer) => {
    first ??= chunk;
  });
  request.on('end', () => {
    const match = HEAD.exec(first?.toString('latin1', 0, 64) ?? '');
    if (match) {
      const number = Number(match[1]);
      const seen = counts.get(number) ?? 0;
      counts.set(number, seen + 1);
      if (seen === 0) latencies.push(now() - Number(match[2]));
    }
    response.end('ok');
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : null });
});
process.on('disconnect', () => process.exit(0));
