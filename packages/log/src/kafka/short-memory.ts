import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

/**
 * kafkajs 2.2.4 keeps requests without an answer in a Map, with one change for each request and one for each answer. V8
 * replaces such a Map's table every few changes and links the outgrown one to the next. Once one of them is in old memory,
 * all that follow are promoted, with every request that they held and all its records: until the next full collection
 * nothing that was sent is let go of. Here they are in a list, which is short.
 */
export function shortenMemory(): void {
  const queue = RequestQueue.prototype;
  const { push } = queue;
  if (push.name === shortly.name) return;
  queue.push = shortly;

  function shortly(this: RequestQueue, request: unknown): void {
    if (!(this.inflight instanceof ShortMap))
      this.inflight = new ShortMap(this.inflight as Iterable<[number, unknown]>);
    push.call(this, request);
  }
}

/** What kafkajs uses of a Map, for a handful of entries. */
class ShortMap<Key, Value> {
  #entries: [Key, Value][];

  constructor(from: Iterable<[Key, Value]>) {
    this.#entries = [...from];
  }

  get size(): number {
    return this.#entries.length;
  }

  get(key: Key): Value | undefined {
    return this.#entries.find(([one]) => one === key)?.[1];
  }

  has(key: Key): boolean {
    return this.#entries.some(([one]) => one === key);
  }

  set(key: Key, value: Value): void {
    this.delete(key);
    this.#entries.push([key, value]);
  }

  delete(key: Key): void {
    const at = this.#entries.findIndex(([one]) => one === key);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  clear(): void {
    this.#entries = [];
  }

  values(): Value[] {
    return this.#entries.map(([, value]) => value);
  }

  forEach(each: (value: Value, key: Key) => void): void {
    // Some may leave meanwhile: a request that timed out.
    for (const [key, value] of [...this.#entries]) each(value, key);
  }
}
