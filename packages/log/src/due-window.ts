import type { CancelTimer, Clock } from '@milena/runtime';
import { DUE_AT_HEADER } from './message-log.ts';

/** Due time of a record in ms since the epoch; null when it has none or none that can be read. */
export function dueAtOf(headers: Readonly<Record<string, string>>): number | null {
  const text = headers[DUE_AT_HEADER];
  if (text === undefined || text === '') return null;
  const dueAt = Number(text);
  return Number.isFinite(dueAt) ? dueAt : null;
}

export interface DueWindowOptions {
  clock: Clock;
  /** Read-ahead per topic-partition. A full window stops reading that partition until a record leaves. */
  maxRecords?: number;
  /** The same by bytes; the record that crosses the bound is still held. */
  maxBytes?: number;
  /** These partitions have records that are due now: `take` them. */
  onDue(partitions: readonly string[]): void;
}

/** Records read before their time, per topic-partition (`partition` is any text that names one). */
export interface DueWindow<T> {
  hold(partition: string, item: T, dueAt: number, bytes: number): void;
  isFull(partition: string): boolean;
  /** The earliest record of the partition, if its time has come; it stays in the window. */
  peek(partition: string): T | undefined;
  /** Removes what `peek` showed. */
  take(partition: string): T | undefined;
  /** Forgets a partition that was taken away. */
  drop(partition: string): void;
  stop(): void;
}

interface Held<T> {
  item: T;
  dueAt: number;
  /** Order of arrival: breaks ties between equal due times. */
  sequence: number;
  bytes: number;
}

interface Window<T> {
  heap: Held<T>[];
  bytes: number;
}

const DEFAULT_MAX_RECORDS = 2_000;
const DEFAULT_MAX_BYTES = 2 * 1024 * 1024;

/** One timer for all partitions of a consumer, set to the earliest due time. */
export function createDueWindow<T>(options: DueWindowOptions): DueWindow<T> {
  const { clock, maxRecords = DEFAULT_MAX_RECORDS, maxBytes = DEFAULT_MAX_BYTES } = options;
  const windows = new Map<string, Window<T>>();
  let sequence = 0;
  let timer: { at: number; cancel: CancelTimer } | null = null;

  const arm = (at: number): void => {
    if (timer !== null && timer.at <= at) return;
    timer?.cancel();
    timer = { at, cancel: clock.after(at - clock.now(), fire) };
  };

  // A partition whose head is due but not taken yet needs no timer: `peek` arms the next one when it gets there.
  const fire = (): void => {
    timer = null;
    const now = clock.now();
    const due: string[] = [];
    for (const [partition, { heap }] of windows) {
      const head = heap[0];
      if (head === undefined) continue;
      if (head.dueAt <= now) due.push(partition);
      else arm(head.dueAt);
    }
    if (due.length > 0) options.onDue(due);
  };

  const headOf = (partition: string): Held<T> | undefined => {
    const head = windows.get(partition)?.heap[0];
    if (head === undefined || head.dueAt <= clock.now()) return head;
    arm(head.dueAt);
    return undefined;
  };

  return {
    hold: (partition, item, dueAt, bytes) => {
      let window = windows.get(partition);
      if (window === undefined) windows.set(partition, (window = { heap: [], bytes: 0 }));
      sequence += 1;
      push(window.heap, { item, dueAt, sequence, bytes });
      window.bytes += bytes;
      arm(dueAt);
    },
    isFull: (partition) => {
      const window = windows.get(partition);
      return window !== undefined && (window.heap.length >= maxRecords || window.bytes >= maxBytes);
    },
    peek: (partition) => headOf(partition)?.item,
    take: (partition) => {
      const head = headOf(partition);
      const window = windows.get(partition);
      if (head === undefined || window === undefined) return undefined;
      pop(window.heap);
      window.bytes -= head.bytes;
      return head.item;
    },
    drop: (partition) => {
      windows.delete(partition);
    },
    stop: () => {
      timer?.cancel();
      timer = null;
      windows.clear();
    },
  };
}

function before(a: Held<unknown>, b: Held<unknown>): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.sequence < b.sequence);
}

function push<T>(heap: Held<T>[], entry: Held<T>): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !before(entry, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = entry;
}

function pop<T>(heap: Held<T>[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    const right = heap[down + 1];
    let child = heap[down];
    if (child === undefined) break;
    if (right !== undefined && before(right, child)) {
      child = right;
      down += 1;
    }
    if (!before(child, last)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
}
