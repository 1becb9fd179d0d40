import { now } from './machine-clock.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import { createPoster } from './wire.ts';

export interface LoadResult {
  accepted: number;
  refused: Map<number, number>;
  seconds: number;
  latency: Quantiles;
}

interface LoadOptions {
  origin: string;
  /** Requests go to these paths in turn. */
  paths: readonly string[];
  events: number;
  bytes: number;
  /** Requests under way at once. */
  concurrency: number;
  /** Events a second; null = as fast as they are taken. */
  rate: number | null;
  /**
   * Number of the first event; numbers tell events apart at the sink. What has a negative one leads in: it is sent, and
   * counts nowhere.
   */
  first: number;
  onProgress?(done: number): void;
}

function bodyOf(number: number, bytes: number): string {
  const head = `{"n":${number},"t":${now().toFixed(3)},"fill":"`;
  return `${head}${'x'.repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

const HEADERS = { 'content-type': 'application/json', 'x-event-type': 'bench.event' };

/** Posts `events` events of `bytes` bytes each; a refused one (429, 503) is counted, not sent again. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const poster = createPoster(options.origin, HEADERS);
  const refused = new Map<number, number>();
  const latencies: number[] = [];
  const startedAt = now();
  let next = 0;
  const one = async (): Promise<void> => {
    for (let index = next++; index < options.events; index = next++) {
      if (options.rate !== null) {
        const wait = startedAt + (index * 1000) / options.rate - now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      }
      const sentAt = now();
      const path = options.paths[index % options.paths.length] ?? '/';
      const number = options.first + index;
      const status = await poster.post(path, bodyOf(number, options.bytes));
      if (number < 0) continue;
      if (status === 202) latencies.push(now() - sentAt);
      else refused.set(status, (refused.get(status) ?? 0) + 1);
      options.onProgress?.(index + 1);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, one));
  const seconds = (now() - startedAt) / 1000;
  poster.close();
  return { accepted: latencies.length, refused, seconds, latency: quantiles(latencies) };
}
