interface BatchQueue<Item> {
  push(item: Item, bytes: number): void;
  /** The oldest items up to the bounds; a single item above the bytes goes alone. */
  takeBatch(): Item[];
  /** Forgets these items. */
  drop(unwanted: (item: Item) => boolean): void;
  isEmpty(): boolean;
  /** A batch can't grow further. */
  isFull(): boolean;
}

export function createBatchQueue<Item>(bounds: { maxItems: number; maxBytes: number }): BatchQueue<Item> {
  let waiting: { item: Item; bytes: number }[] = [];
  let waitingBytes = 0;
  return {
    push: (item, bytes) => {
      waiting.push({ item, bytes });
      waitingBytes += bytes;
    },
    takeBatch: () => {
      let bytes = 0;
      let count = 0;
      for (const entry of waiting) {
        if (count === bounds.maxItems || (count > 0 && bytes + entry.bytes > bounds.maxBytes)) break;
        bytes += entry.bytes;
        count += 1;
      }
      waitingBytes -= bytes;
      return waiting.splice(0, count).map((entry) => entry.item);
    },
    drop: (unwanted) => {
      waiting = waiting.filter((entry) => !unwanted(entry.item));
      waitingBytes = waiting.reduce((sum, entry) => sum + entry.bytes, 0);
    },
    isEmpty: () => waiting.length === 0,
    isFull: () => waiting.length >= bounds.maxItems || waitingBytes >= bounds.maxBytes,
  };
}
