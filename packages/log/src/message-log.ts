/** A record to append. The partition follows from the key: the same key always lands in the same partition. */
export interface LogRecord {
  topic: string;
  key: string;
  /** Kept byte for byte. */
  value: Buffer;
  /** Header `due-at` (ms since the epoch, decimal) holds the record back from consumers until that time. */
  headers: Record<string, string>;
}

/** Header that holds a record back until its time has come. */
export const DUE_AT_HEADER = 'due-at';

/** Header of a record that may be in the log twice: nobody knows whether an earlier append of it got there. */
export const MAY_REPEAT_HEADER = 'may-repeat';

/** The record for another append, after one that failed with `maybeAppended`. */
export function mayRepeat(record: LogRecord): LogRecord {
  return { ...record, headers: { ...record.headers, [MAY_REPEAT_HEADER]: '1' } };
}

/** A record handed to a consumer. It stays the consumer's until `ack` is called or its partition is taken away. */
export interface ConsumedRecord extends LogRecord {
  partition: number;
  /** Position in its topic-partition; grows by at least one per record. */
  offset: bigint;
  /**
   * True when this record may have been handled already: by an earlier owner of the partition (it lay before the log's
   * end when this consumer got the partition), or because it may be in the log twice (`MAY_REPEAT_HEADER`).
   */
  maybeRedelivered: boolean;
  /**
   * Marks the record done. Acks may come in any order; what is committed is the highest contiguous mark and which
   * records beyond it are done, so a later success never commits past an earlier record that is still open, nor comes
   * again with it. An ack after the partition was taken away is ignored. It may be kept without the record.
   */
  readonly ack: () => void;
}

export interface ConsumeOptions {
  /** Members with the same group share the partitions; each record goes to one of them. */
  group: string;
  /** All topics of one call are co-partitioned: partition n of every topic goes to the same member. */
  topics: readonly string[];
  /**
   * Called for each record in partition order (for records held back by a due time: when due, earliest first). Must
   * not throw and must not wait: it takes the record over and acks it later.
   */
  onRecord(record: ConsumedRecord): void;
  /** Partitions were taken away: drop what is queued for them, their acks no longer count. */
  onRevoked?(partitions: readonly number[]): void;
  /**
   * True: whose the partitions are is being decided. What ends soon may still be committed; of what is begun now, another
   * owner may know nothing. Nothing is handed out until this is called with false.
   */
  onSuspended?(suspended: boolean): void;
  /** Back-pressure: with this many records unacked the consumer hands out no more until some are. Held-back records don't count. */
  maxUnackedRecords?: number;
  /** The same bound by bytes of value. A single larger record still passes when nothing else is open. */
  maxUnackedBytes?: number;
  /** How long records may gather before they are handed out, for a log to which few large reads cost less; default 0. */
  gatherMs?: number;
}

export interface LogConsumer {
  /** Stops handing out records; what is out can still be acked. Idempotent. */
  pause(): void;
  /** Stops, commits what is done and leaves the group. Unacked records go to the next owner, and only these. */
  stop(): Promise<void>;
}

/**
 * How far a group is behind in one topic: records from its marks on, those held back by a due time included, and also
 * those that are done but lie behind one that is open.
 */
export interface GroupLag {
  topic: string;
  records: number;
  /** By partition: where the group goes on, and the offset that the next record gets. What lies below `mark` is done. */
  partitions: readonly { mark: number; end: number }[];
}

/**
 * The message log: what is in motion. Two adapters (LMDB in process, Kafka) are held to `test/conformance.ts`.
 */
export interface MessageLog {
  /**
   * Appends all records; resolves when every one is durable (survives kill -9). Records of one call and partition keep
   * their order. Rejects with `LogUnavailableError` when the log can't take them. With `maybeAppended`, or with any other
   * error, some may be in the log: a caller that tries again appends the same ids, and records marked by `mayRepeat`.
   */
  append(records: readonly LogRecord[]): Promise<void>;
  /** Joins the group. Delivery is at least once: after a crash, unacked records come again. */
  consume(options: ConsumeOptions): Promise<LogConsumer>;
  lag(group: string, topics: readonly string[]): Promise<GroupLag[]>;
  /**
   * Every retry topic there is: those of the table, then those of delays that were configured once and are not now. What
   * lies in these is consumed like any other.
   */
  retryTopics(): Promise<string[]>;
  /** Resolves when the log can take appends now; rejects with the reason otherwise. */
  ping(): Promise<void>;
  /** Waits for appends under way, stops its consumers and releases every resource. */
  close(): Promise<void>;
}

/** The log did not take the records. Transient: the caller answers 503 or tries again later. */
export class LogUnavailableError extends Error {
  override name = 'LogUnavailableError';
  /** Some or all of the records may be in the log all the same. */
  readonly maybeAppended: boolean;

  constructor(message: string, options: ErrorOptions & { maybeAppended?: boolean } = {}) {
    super(message, options);
    this.maybeAppended = options.maybeAppended ?? false;
  }
}
