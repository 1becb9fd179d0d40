// The endpoint: answers 200 to everything and counts what it got. Events are told apart by the number in their body.
import { now } from './machine-clock.ts';
import { quantiles } from './quantiles.ts';
import type { Arrival } from './sink.ts';
import { serve } from './wire.ts';

let counts = new Map<number, number>();
/** Of the first arrival of each event, ms: when it was sent, and how long it took. */
let sentAt: number[] = [];
let latencies: number[] = [];
const HEAD = /^\{"n":(\d+),"t":([\d.]+)/;

function report(): string {
  const repeated = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
  return JSON.stringify({ distinct: counts.size, repeated, latency: quantiles(latencies) });
}

const arrivals = (): Arrival[] => sentAt.map((at, n) => [at, latencies[n] ?? 0]);

serve(({ head, body }, reply) => {
  if (head.startsWith('GET /arrivals ')) {
    reply({ status: 200, body: JSON.stringify(arrivals()) });
    return;
  }
  if (head.startsWith('GET ')) {
    reply({ status: 200, body: report() });
    return;
  }
  if (head.startsWith('DELETE ')) {
    counts = new Map();
    sentAt = [];
    latencies = [];
  }
  const match = HEAD.exec(body.toString('latin1', 0, 64));
  if (match) {
    const number = Number(match[1]);
    const seen = counts.get(number) ?? 0;
    counts.set(number, seen + 1);
    if (seen === 0) {
      const at = Number(match[2]);
      sentAt.push(at);
      latencies.push(now() - at);
    }
  }
  reply({ status: 200, body: 'ok' });
});
