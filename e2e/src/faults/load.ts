/** What became of the events that a producer sent. */
export interface Sent {
  /** Answered with 202: event id by delivery id. */
  accepted: Map<string, string>;
  /** Answered with anything else. */
  refused: { status: number; retry_after: string | null; detail: string }[];
  /** No answer came: nobody promised anything. */
  unanswered: number;
}

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * Sends events at a steady rate, by turns to every replica of ingest that runs at that moment and to every subscription.
 * A producer that meets a replica which is gone goes on with the next event.
 */
export async function sendLoad(options: {
  ingest: () => readonly string[];
  subscriptions: readonly string[];
  ratePerS: number;
  seconds: number;
  /** Number of the first event. */
  first: number;
}): Promise<Sent> {
  const sent: Sent = { accepted: new Map(), refused: [], unanswered: 0 };
  const startedAt = Date.now();
  const total = Math.round(options.ratePerS * options.seconds);
  const underWay = new Set<Promise<void>>();
  for (let n = 0; n < total; n += 1) {
    const wait = startedAt + (n * 1000) / options.ratePerS - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const replicas = options.ingest();
    const replica = replicas[n % replicas.length];
    const subscription = options.subscriptions[(options.first + n) % options.subscriptions.length] ?? '';
    const one: Promise<void> = send(`${replica ?? ''}/ingest/${subscription}`, n, sent).finally(() =>
      underWay.delete(one),
    );
    underWay.add(one);
  }
  await Promise.all(underWay);
  return sent;
}

async function send(url: string, n: number, sent: Sent): Promise<void> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-event-type': 'fault.test' },
      body: JSON.stringify({ n, fill: 'x'.repeat(200) }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status === 202) {
      const { delivery_id, event_id } = JSON.parse(text) as { delivery_id: string; event_id: string };
      sent.accepted.set(delivery_id, event_id);
    } else {
      sent.refused.push({
        status: response.status,
        retry_after: response.headers.get('retry-after'),
        detail: text,
      });
    }
  } catch {
    sent.unanswered += 1;
  }
}
