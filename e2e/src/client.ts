import { type ContractChecker, createContractChecker } from '@milena/testing';

export interface Reply {
  status: number;
  headers: Headers;
  bytes: Buffer;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- replies are checked against the OpenAPI document instead
  json: any;
}

export interface Client {
  get(path: string): Promise<Reply>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Posts the bytes as they are. */
  ingest(subscriptionId: string, body: string | Buffer, headers?: Record<string, string>): Promise<Reply>;
  subscribe(fields: Record<string, unknown>): Promise<string>;
}

async function checkerOf(url: string): Promise<ContractChecker> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as object;
  return createContractChecker(document);
}

const INGEST_PATHS = /^\/(ingest\/|api\/v1\/(ingest\/|events(\/batch)?(\?|$)))/;

/** A client that holds every reply against the OpenAPI document of the server it talks to. */
export async function createClient(system: { api: string; ingest: string }): Promise<Client> {
  const { api, ingest } = system;
  const check = { api: await checkerOf(api), ingest: await checkerOf(ingest) };

  const call = async (method: string, path: string, init: RequestInit): Promise<Reply> => {
    const which = INGEST_PATHS.test(path) ? 'ingest' : 'api';
    const response = await fetch(`${system[which]}${path}`, { method, redirect: 'manual', ...init });
    const bytes = Buffer.from(await response.arrayBuffer());
    const type = response.headers.get('content-type') ?? '';
    const json: unknown = type.includes('json') && bytes.length > 0 ? JSON.parse(bytes.toString()) : null;
    check[which]({
      method,
      path,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: json ?? bytes,
    });
    return { status: response.status, headers: response.headers, bytes, json };
  };
  const send: Client['send'] = (method, path, body, headers = {}) =>
    call(method, path, {
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    get: (path) => call('GET', path, {}),
    send,
    ingest: (subscriptionId, body, headers = {}) =>
      call('POST', `/ingest/${subscriptionId}`, {
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      }),
    subscribe: async (fields) => {
      const reply = await send('POST', '/api/v1/subscriptions', fields);
      if (reply.status !== 201) throw new Error(`no subscription: ${reply.bytes.toString()}`);
      return (reply.json as { id: string }).id;
    },
  };
}

/** Asks until the answer is there; the last look's failure is what the test shows. */
export async function eventually<T>(
  look: () => Promise<T>,
  accept: (value: T) => boolean,
  withinMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (accept(value)) return value;
    if (Date.now() > deadline)
      throw new Error(`not within ${withinMs} ms; last: ${JSON.stringify(value).slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
