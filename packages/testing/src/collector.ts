import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  service: string;
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  /** Empty for the first of a trace. */
  parentSpanId: string;
  attributes: Record<string, string | number | boolean>;
  /** 2 = error. */
  status: number;
  startMs: number;
  endMs: number;
}

type Value = { stringValue?: string; intValue?: number | string; boolValue?: boolean };
interface Otlp {
  resourceSpans: {
    resource: { attributes: { key: string; value: Value }[] };
    scopeSpans: {
      spans: {
        name: string;
        kind: number;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: { key: string; value: Value }[];
        status: { code?: number };
      }[];
    }[];
  }[];
}

export interface Collector {
  url: string;
  spans(): CollectedSpan[];
  /** Everything that came, as it came. */
  text(): string;
  paths(): string[];
  /** Once something more came. */
  next(): Promise<void>;
  /** What it answers from now on. */
  answer(status: number): void;
  /** Answers nothing until the function that it returns is called. */
  hold(): () => void;
  stop(): Promise<void>;
}

const plain = ({ stringValue, intValue, boolValue }: Value): string | number | boolean =>
  stringValue ?? boolValue ?? Number(intValue);

const attributesOf = (list: { key: string; value: Value }[]): Record<string, string | number | boolean> =>
  Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));

function spansOf(body: string): CollectedSpan[] {
  return (JSON.parse(body) as Otlp).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service: String(attributesOf(resource.attributes)['service.name']),
        name: span.name,
        kind: span.kind,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        attributes: attributesOf(span.attributes),
        status: span.status.code ?? 0,
        startMs: Number(BigInt(span.startTimeUnixNano) / 1_000_000n),
        endMs: Number(BigInt(span.endTimeUnixNano) / 1_000_000n),
      })),
    ),
  );
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Takes spans as a collector does: OTLP over HTTP, in JSON. */
export async function startCollector(): Promise<Collector> {
  const bodies: string[] = [];
  const paths: string[] = [];
  let status = 200;
  let held = Promise.resolve();
  let onNext = (): void => undefined;
  const server = createServer((request, response) => {
    void read(request).then(async (body) => {
      paths.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers['content-type'] ?? ''}`);
      if (status === 200) bodies.push(body);
      onNext();
      await held;
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => bodies.flatMap(spansOf),
    text: () => bodies.join('\n'),
    paths: () => paths,
    next: () =>
      new Promise((resolve) => {
        onNext = resolve;
      }),
    answer: (next) => {
      status = next;
    },
    hold: () => {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return release;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
