import type { Capture } from '@milena/demo-receiver';

/** What the receiver saw of one delivery. */
export interface Seen {
  delivery_id: string;
  event_id: string;
  /** Of the event, from its body; empty when the body carries none. */
  key: string;
  requests: number;
  /** Requests that were answered with 2xx, to the end. */
  successes: number;
  /** From the sending of the event to its first arrival, ms. */
  latency_ms: number;
}

const HEAD = /^\{"key":"([^"]+)","at":(\d+),/;

/** Counts by delivery, outside every process under test. */
interface SeenStore {
  /** Returns what is to be called once the request was answered to the end. */
  add(capture: Pick<Capture, 'headers' | 'body' | 'receivedAt'>): (status: number | null) => void;
  /** Of the run that the keys begin with. */
  of(run: string): Seen[];
}

/** @param forget leaves out the so-manyth delivery, to prove that a verifier notices; 0 = none */
export function createSeenStore({ forget }: { forget: number }): SeenStore {
  const all = new Map<string, Seen>();
  let forgotten: string | null = null;
  return {
    add: ({ headers, body, receivedAt }) => {
      const delivery_id = String(headers['x-milena-delivery-id']);
      if (forget > 0 && all.size === forget - 1 && !all.has(delivery_id)) forgotten ??= delivery_id;
      if (delivery_id === forgotten) return () => undefined;
      let seen = all.get(delivery_id);
      if (!seen) {
        const [, key = '', at = ''] = HEAD.exec(body.toString('latin1', 0, 200)) ?? [];
        const event_id = String(headers['webhook-id']);
        const latency_ms = receivedAt - Number(at);
        seen = { delivery_id, event_id, key, requests: 0, successes: 0, latency_ms };
        all.set(delivery_id, seen);
      }
      const entry = seen;
      entry.requests += 1;
      return (status) => {
        if (status !== null && status >= 200 && status < 300) entry.successes += 1;
      };
    },
    of: (run) => [...all.values()].filter(({ key }) => key.startsWith(`${run}/`)),
  };
}
