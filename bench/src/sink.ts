import type { Quantiles } from './quantiles.ts';

/** What the sink got, by the events' own numbers. */
interface SinkReport {
  distinct: number;
  repeated: number;
  /** From the sending of the event until it came, ms. */
  latency: Quantiles;
}

const sinkReport = async (origin: string): Promise<SinkReport> =>
  (await (await fetch(origin)).json()) as SinkReport;

/** Of the first arrival of each event: when it was sent, by the machine's clock, and how long it took, ms. */
export type Arrival = [sentAt: number, latency: number];

export async function arrivals(origin: string): Promise<Arrival[]> {
  return (await (await fetch(`${origin}/arrivals`)).json()) as Arrival[];
}

export async function clearSink(origin: string): Promise<void> {
  await fetch(origin, { method: 'DELETE' });
}

/** Waits until the sink has `expected` events, or nothing has come for `quietS` seconds. */
export async function arrived(origin: string, expected: number, quietS: number): Promise<SinkReport> {
  let last = await sinkReport(origin);
  let lastChange = performance.now();
  while (last.distinct < expected && performance.now() - lastChange < quietS * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const current = await sinkReport(origin);
    if (current.distinct !== last.distinct) lastChange = performance.now();
    last = current;
  }
  return last;
}
