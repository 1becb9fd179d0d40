// The endpoint: answers 200 to everything and counts what it got. Events are told apart by the number in their body.
import { now } from './machine-clock.ts';
import { quantiles } from './quantiles.ts';
import type { Arrival } from './sink.ts';
import { serve } from './wire.ts';

let counts = new Map<number, number>();
let arrivals: Arrival[] = [];
const HEAD = /^\{"n":(\d+),"t":([\d.]+)/;

function report(): string {
  const repeated = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
  return JSON.stringify({
    distinct: counts.size,
    repeated,
    latency: quantiles(arrivals.map(([, ms]) => ms)),
  });
}

serve(({ head, body }, reply) => {
  if (head.startsWith('GET /arrivals ')) {
    reply({ status: 200, body: JSON.stringify(arrivals) });
    return;
  }
  if (head.startsWith('GET ')) {
    reply({ status: 200, body: report() });
    return;
  }
  if (head.startsWith('DELETE ')) {
    counts = new Map();
    arrivals = [];
  }
  const match = HEAD.exec(body.toString('latin1', 0, 64));
  if (match) {
    const number = Number(match[1]);
    const seen = counts.get(number) ?? 0;
    counts.set(number, seen + 1);
    const sentAt = Number(match[2]);
    if (seen === 0) arrivals.push([sentAt, now() - sentAt]);
  }
  reply({ status: 200, body: 'ok' });
});
