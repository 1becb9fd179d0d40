/**
 * The records of one topic-partition that were handed out and what of them is done. Acks come in any order; what may be
 * committed is the contiguous mark. Offsets are safe integers (Kafka's 64 bits would take millennia to pass 2^53) that
 * only grow, with gaps (compaction, transaction markers, a commit that failed).
 */
export interface OffsetTracker {
  /** Takes an offset greater than every one before, and returns the ticket to call `done` with. */
  track(offset: number): number;
  /** True when the mark moved. A second call for one ticket does nothing. */
  done(ticket: number): boolean;
  /** Every tracked offset below this one is done: the position to start from after a crash. */
  mark(): number;
  /** Tracked and not done yet. */
  open(): number;
}

/** Finished entries are cut off in lumps of at least this many, which keeps every operation O(1) amortised. */
const COMPACT_AT = 1024;

/** @param start the mark as long as nothing is done */
export function createOffsetTracker(start: number): OffsetTracker {
  let offsets: number[] = [];
  let finished: boolean[] = [];
  /** Index of the first entry that is not done; all before it are. */
  let head = 0;
  /** Ticket of the entry at index 0. */
  let firstTicket = 0;
  let mark = start;
  let open = 0;

  const compact = (): void => {
    if (head < COMPACT_AT || head * 2 < offsets.length) return;
    offsets = offsets.slice(head);
    finished = finished.slice(head);
    firstTicket += head;
    head = 0;
  };

  return {
    track: (offset) => {
      offsets.push(offset);
      finished.push(false);
      open += 1;
      return firstTicket + offsets.length - 1;
    },
    done: (ticket) => {
      const index = ticket - firstTicket;
      if (index < head || finished[index] !== false) return false;
      finished[index] = true;
      open -= 1;
      if (index !== head) return false;
      while (finished[head] === true) head += 1;
      mark = (offsets[head - 1] ?? mark) + 1;
      compact();
      return true;
    },
    mark: () => mark,
    open: () => open,
  };
}
