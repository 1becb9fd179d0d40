import type { Run } from './done-runs.ts';

/**
 * The records of one topic-partition that were handed out and what of them is done. Acks come in any order; what may be
 * committed is the contiguous mark, and what is done beyond it. Offsets are safe integers (Kafka's 64 bits would take
 * millennia to pass 2^53) that only grow, with gaps (compaction, transaction markers, a commit that failed).
 */
export interface OffsetTracker {
  /** Takes an offset greater than every one before, and returns the ticket to call `done` with. */
  track(offset: number): number;
  /** True when the mark moved. A second call for one ticket does nothing. */
  done(ticket: number): boolean;
  /** An earlier owner has done it. Asked with growing offsets, before they are tracked. */
  wasDone(offset: number): boolean;
  /** Every tracked offset below this one is done: the position to start from after a crash. */
  mark(): number;
  /**
   * What is done beyond the mark, in ascending order; that of earlier owners which was not tracked yet included. Takes a
   * step for each record that is open, whatever the number of those that are done.
   */
  beyond(): Run[];
  /** Tracked and not done yet. */
  open(): number;
}

/** Entries that there is always room for. */
const LEAST_ENTRIES = 64;
const OPEN = -1;

/** Entries by ticket: consecutive numbers from the first that is kept. */
interface Entries {
  /** The ticket after the last one. */
  end(): number;
  add(offset: number): number;
  offset(ticket: number): number | undefined;
  /** `OPEN`; or of a run of done entries at the first one the ticket of the last, and at the last one that of the first. */
  edge(ticket: number): number | undefined;
  setEdge(ticket: number, edge: number): void;
  /** Entries before this one are not needed any more. */
  drop(ticket: number): void;
}

/**
 * @param start the mark as long as nothing is done
 * @param inherited what earlier owners have done beyond it, in ascending order
 */
export function createOffsetTracker(start: number, inherited: readonly Run[] = []): OffsetTracker {
  const entries = createEntries();
  /** The first entry that is not done; all before it are. */
  let head = 0;
  let mark = start;
  let open = 0;
  /** Inherited runs before this one lie below what was tracked or asked for. */
  let run = 0;

  return {
    track: (offset) => {
      open += 1;
      return entries.add(offset);
    },
    done: (ticket) => {
      if (ticket < head || entries.edge(ticket) !== OPEN) return false;
      open -= 1;
      // The entries on both sides are the edges of runs, or open. Before the head nothing is asked for any more.
      const before = ticket === head ? OPEN : (entries.edge(ticket - 1) ?? OPEN);
      const after = entries.edge(ticket + 1) ?? OPEN;
      const first = before === OPEN ? ticket : before;
      const last = after === OPEN ? ticket : after;
      entries.setEdge(ticket, ticket);
      entries.setEdge(first, last);
      entries.setEdge(last, first);
      if (first !== head) return false;
      mark = (entries.offset(last) ?? mark) + 1;
      head = last + 1;
      entries.drop(head);
      return true;
    },
    wasDone: (offset) => {
      while ((inherited[run]?.to ?? Infinity) <= offset) run += 1;
      return (inherited[run]?.from ?? Infinity) <= offset;
    },
    mark: () => mark,
    beyond: () => {
      const runs: Run[] = [];
      const next = (entries.offset(entries.end() - 1) ?? mark - 1) + 1;
      for (let at = head; at < entries.end(); at += 1) {
        const last = entries.edge(at) ?? OPEN;
        if (last === OPEN) continue;
        runs.push({ from: entries.offset(at) ?? next, to: (entries.offset(last) ?? next) + 1 });
        at = last;
      }
      for (const { from, to } of inherited.slice(run)) {
        if (to > next) append(runs, { from: Math.max(from, next), to });
      }
      return runs;
    },
    open: () => open,
  };
}

/** One that begins where the last ends makes it longer. */
function append(runs: Run[], { from, to }: Run): void {
  const last = runs.at(-1);
  if (last?.to === from) runs[runs.length - 1] = { from: last.from, to };
  else runs.push({ from, to });
}

/**
 * Two rings that double when they are full and halve as long as three quarters are free. (Arrays that grew and were cut again and
 * again were an eighth of what came into old memory under load.)
 */
function createEntries(): Entries {
  let offsets = new Float64Array(LEAST_ENTRIES);
  let edges = new Float64Array(LEAST_ENTRIES);
  let first = 0;
  let end = 0;

  const kept = (ticket: number): boolean => ticket >= first && ticket < end;
  const resized = (ring: Float64Array<ArrayBuffer>, size: number): Float64Array<ArrayBuffer> => {
    const other = new Float64Array(size);
    for (let at = first; at < end; at += 1) other[at % size] = ring[at % ring.length] ?? OPEN;
    return other;
  };
  const resize = (size: number): void => {
    offsets = resized(offsets, size);
    edges = resized(edges, size);
  };
  return {
    end: () => end,
    add: (offset) => {
      if (end - first === offsets.length) resize(2 * offsets.length);
      offsets[end % offsets.length] = offset;
      edges[end % edges.length] = OPEN;
      end += 1;
      return end - 1;
    },
    offset: (ticket) => (kept(ticket) ? offsets[ticket % offsets.length] : undefined),
    edge: (ticket) => (kept(ticket) ? edges[ticket % edges.length] : undefined),
    setEdge: (ticket, edge) => {
      edges[ticket % edges.length] = edge;
    },
    drop: (ticket) => {
      first = ticket;
      let size = offsets.length;
      while (size > LEAST_ENTRIES && 4 * (end - first) <= size) size /= 2;
      if (size < offsets.length) resize(size);
    },
  };
}
