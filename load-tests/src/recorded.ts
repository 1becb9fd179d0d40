import type { Seen } from './seen.ts';
import type { Told } from './told.ts';

/** What the API says of one delivery. */
export interface Recorded {
  status: string;
  attempts_made: number;
}

interface DeliveryOfApi extends Recorded {
  id: string;
}

/** Asks the management API; `null` for 404. */
export interface Api {
  get<T>(path: string): Promise<T | null>;
  remove(path: string): Promise<void>;
}

const TIMEOUT_MS = 30_000;

export function createApi({ api, key }: { api: string; key: string }): Api {
  const call = async (method: string, path: string): Promise<Response> => {
    const headers: Record<string, string> = key === '' ? {} : { authorization: `Bearer ${key}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${api}${path}`, { method, headers, signal });
    if (!response.ok && response.status !== 404) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response;
  };
  return {
    get: async <T>(path: string) => {
      const response = await call('GET', path);
      const text = await response.text();
      return response.status === 404 ? null : (JSON.parse(text) as T);
    },
    remove: async (path) => {
      await (await call('DELETE', path)).arrayBuffer();
    },
  };
}

/** All deliveries of a subscription; null when there is no such subscription any more. */
async function ofSubscription(api: Api, id: string): Promise<DeliveryOfApi[] | null> {
  const all: DeliveryOfApi[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { data: DeliveryOfApi[]; next_cursor: string | null } | null = await api.get(
      `/api/v1/subscriptions/${id}/deliveries?limit=100${at}`,
    );
    if (page === null) return null;
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

const AT_ONCE = 4;

async function each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const open = [...items];
  const worker = async (): Promise<void> => {
    for (let item = open.pop(); item !== undefined; item = open.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** By delivery id. Those of subscriptions that are gone are asked for one by one. */
export async function readRecorded(api: Api, told: Told): Promise<Map<string, Recorded>> {
  const recorded = new Map<string, Recorded>();
  const gone = new Set<string>();
  await each(told.subscriptions.keys(), async (id) => {
    const deliveries = await ofSubscription(api, id);
    for (const { id: delivery, ...rest } of deliveries ?? []) recorded.set(delivery, rest);
    if (deliveries === null) gone.add(id);
  });
  const alone = [...told.promised].filter(([, { subscription_id }]) => gone.has(subscription_id));
  await each(alone, async ([id]) => {
    const delivery = await api.get<DeliveryOfApi>(`/api/v1/deliveries/${id}`);
    if (delivery) recorded.set(id, { status: delivery.status, attempts_made: delivery.attempts_made });
  });
  return recorded;
}

/** The attempts of one delivery as they were logged. */
export interface Attempts {
  count: number;
  may_repeat: boolean;
  /** Without an answer that came in time: the endpoint may have meant it as a success. */
  unanswered: number;
}

async function readAttempts(api: Api, deliveryId: string): Promise<Attempts> {
  interface AttemptOfApi {
    may_repeat: boolean;
    error_kind: string | null;
  }
  const page = await api.get<{ data: AttemptOfApi[] }>(`/api/v1/deliveries/${deliveryId}/attempts?limit=100`);
  const attempts = page?.data ?? [];
  return {
    count: attempts.length,
    may_repeat: attempts.some(({ may_repeat }) => may_repeat),
    unanswered: attempts.filter(({ error_kind }) => error_kind === 'timeout' || error_kind === 'reset')
      .length,
  };
}

/** More than a handful of repeats is wrong whatever the attempts say. */
const MOST_EXPLAINED = 500;

/** The attempts of deliveries of which the receiver saw more than the API's number of attempts, or two successes. */
export async function readRepeated(
  api: Api,
  seen: readonly Seen[],
  recorded: ReadonlyMap<string, Recorded>,
): Promise<Map<string, Attempts>> {
  const attempts = new Map<string, Attempts>();
  const repeated = seen.filter(({ delivery_id, requests, successes }) => {
    const record = recorded.get(delivery_id);
    return record?.status === 'delivered' && (successes > 1 || requests > record.attempts_made);
  });
  await each(repeated.slice(0, MOST_EXPLAINED), async ({ delivery_id }) => {
    attempts.set(delivery_id, await readAttempts(api, delivery_id));
  });
  return attempts;
}
