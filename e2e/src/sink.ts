import { createServer } from 'node:http';

/** One request as the sink saw it. */
export interface SinkRequest {
  delivery_id: string;
  event_id: string;
  replay_of: string | null;
  attempt: number;
  path: string;
  at: number;
  body: string;
}

/** An endpoint outside the process under test, so that its counts survive a kill. */
export interface Sink {
  url: string;
  /** In the order of their arrival. */
  requests: SinkRequest[];
  /** What it answers from now on; 200 at first. */
  answer: { status: number };
  /** How often each delivery was seen. */
  perDelivery(requests?: readonly SinkRequest[]): Map<string, number>;
  close(): void;
}

export async function startSink(): Promise<Sink> {
  const requests: SinkRequest[] = [];
  const answer = { status: 200 };
  const server = createServer((req, res) => {
    const header = (name: string): string | null => {
      const value = req.headers[name];
      return typeof value === 'string' ? value : null;
    };
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    req.on('end', () => {
      requests.push({
        delivery_id: header('x-milena-delivery-id') ?? '',
        event_id: header('webhook-id') ?? '',
        replay_of: header('x-milena-replay-of'),
        attempt: Number(header('x-milena-attempt')),
        path: req.url ?? '',
        at: Date.now(),
        body,
      });
      res.statusCode = answer.status;
      res.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    answer,
    perDelivery: (of = requests) => {
      const counts = new Map<string, number>();
      for (const { delivery_id } of of) counts.set(delivery_id, (counts.get(delivery_id) ?? 0) + 1);
      return counts;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
