/**
 * Whether a record's partition is still ours. Once it ended, the next owner handles the record from the start: nothing
 * more may be sent or decided for it here.
 */
export interface Tenure {
  ended: boolean;
}

/** The tenure of each partition we were given records from. */
interface Tenures {
  of(partition: number): Tenure;
  /** Ends the tenure of these partitions; should they come back, that is a new one. */
  end(partitions: readonly number[]): void;
}

export function createTenures(): Tenures {
  const current = new Map<number, Tenure>();
  return {
    of: (partition) => {
      const known = current.get(partition);
      if (known) return known;
      const tenure = { ended: false };
      current.set(partition, tenure);
      return tenure;
    },
    end: (partitions) => {
      for (const partition of partitions) {
        const tenure = current.get(partition);
        if (tenure) tenure.ended = true;
        current.delete(partition);
      }
    },
  };
}
