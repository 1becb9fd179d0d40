/** What is gathered for one write. */
export interface Batch<Item> {
  /** @returns how many rows came of it */
  add(item: Item): number;
  /** Takes out what came from these partitions; not called any more once `write` was. */
  drop(partitions: readonly number[]): void;
  /** Called again after a failure. */
  write(): Promise<void>;
}

interface Gathered<Item> {
  batch: Batch<Item>;
  items: number;
  rows: number;
  bytes: number;
}

interface BatchQueue<Item> {
  /** Adds to the last batch, or to a new one; a single item above the bytes goes alone. */
  push(item: Item, bytes: number): void;
  /** The oldest batch. @throws RangeError when there is none */
  take(): Gathered<Item>;
  drop(partitions: readonly number[]): void;
  isEmpty(): boolean;
  /** The oldest batch can't grow further. */
  isFull(): boolean;
}

export function createBatchQueue<Item>(options: {
  begin: () => Batch<Item>;
  maxItems: number;
  maxBytes: number;
}): BatchQueue<Item> {
  const { begin, maxItems, maxBytes } = options;
  const waiting: Gathered<Item>[] = [];
  return {
    push: (item, bytes) => {
      let last = waiting.at(-1);
      if (last === undefined || last.items >= maxItems || last.bytes + bytes > maxBytes) {
        last = { batch: begin(), items: 0, rows: 0, bytes: 0 };
        waiting.push(last);
      }
      last.rows += last.batch.add(item);
      last.items += 1;
      last.bytes += bytes;
    },
    take: () => {
      const first = waiting.shift();
      if (first === undefined) throw new RangeError('nothing is gathered');
      return first;
    },
    drop: (partitions) => {
      for (const { batch } of waiting) batch.drop(partitions);
    },
    isEmpty: () => waiting.length === 0,
    isFull: () => {
      const [first] = waiting;
      if (first === undefined) return false;
      return waiting.length > 1 || first.items >= maxItems || first.bytes >= maxBytes;
    },
  };
}
