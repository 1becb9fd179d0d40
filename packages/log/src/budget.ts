/** Back-pressure: what a consumer may have open at a time. */
export interface Budget {
  /** A single record of any size fits when nothing else is open. */
  fits(bytes: number): boolean;
  take(bytes: number): void;
  give(records: number, bytes: number): void;
}

/** @param onRoom called after every `give` */
export function createBudget(maxRecords: number, maxBytes: number, onRoom: () => void): Budget {
  let openRecords = 0;
  let openBytes = 0;
  return {
    fits: (bytes) => openRecords === 0 || (openRecords < maxRecords && openBytes + bytes <= maxBytes),
    take: (bytes) => {
      openRecords += 1;
      openBytes += bytes;
    },
    give: (records, bytes) => {
      openRecords -= records;
      openBytes -= bytes;
      onRoom();
    },
  };
}
