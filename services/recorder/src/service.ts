import type { MessageLog } from '@milena/log';
import type { Clock, Logger, Metrics } from '@milena/runtime';
import type { DeadLetterStore, HeldStore, HistoryWriter } from '@milena/stores';
import { recordAttempts } from './record-attempts.ts';
import { recordDeadLetters } from './record-dead-letters.ts';
import { recordEvents } from './record-events.ts';
import { recordHeld } from './record-held.ts';
import { createStream } from './stream.ts';

export interface RecorderDeps {
  log: Pick<MessageLog, 'consume' | 'lag'>;
  history: HistoryWriter;
  deadLetters: Pick<DeadLetterStore, 'insert'>;
  held: Pick<HeldStore, 'insert'>;
  clock: Clock;
  logger: Logger;
  metrics: Pick<
    Metrics,
    'recorderBatch' | 'recorderLag' | 'recorderErrors' | 'recorderUndecodable' | 'consumerLag'
  >;
  /** How long a row waits for others to share its insert; default 500 ms. */
  lingerMs?: number;
  /**
   * How far apart inserts of events and of attempts begin that come one after the other, ms; default 0: as `lingerMs` has it.
   * For a store beside which something else has to be quick: an insert of some hundred rows takes hardly more than one of one.
   */
  spacingMs?: number;
  /** Records whose rows share an insert; default 5,000. */
  maxRecords?: number;
  /** Bytes of the records of one insert; default 8 MiB. */
  maxBytes?: number;
  /** How long a stop waits for the stores; default 10 s. */
  drainTimeoutMs?: number;
}

export interface RecorderHealth {
  status: 'up' | 'down';
  /** What is wrong, for people. */
  problems: string[];
}

export interface RecorderService {
  start(): Promise<void>;
  /** Stores what it has taken, as long as the stores answer in time, and leaves the groups. Idempotent. */
  stop(): Promise<void>;
  health(): RecorderHealth;
}

/** Streams what happened from the log into the stores: events, attempts and dispositions, dead letters, what is held. */
export function createRecorderService(deps: RecorderDeps): RecorderService {
  const options = {
    ...deps,
    lingerMs: deps.lingerMs ?? 500,
    spacingMs: deps.spacingMs ?? 0,
    maxRecords: deps.maxRecords ?? 5000,
    maxBytes: deps.maxBytes ?? 8 * 1024 * 1024,
  };
  const unspaced = { ...options, spacingMs: 0 };
  const streams = [
    createStream(options, recordEvents(deps)),
    createStream(options, recordAttempts(deps)),
    createStream(unspaced, recordDeadLetters(deps)),
    createStream(unspaced, recordHeld(deps)),
  ];
  let running = false;
  let stopping: Promise<void> | null = null;

  const stop = async () => {
    running = false;
    await Promise.all(streams.map((stream) => stream.stop(deps.drainTimeoutMs ?? 10_000)));
  };

  return {
    start: async () => {
      for (const stream of streams) await stream.start();
      running = true;
    },
    stop: () => (stopping ??= stop()),
    health: () => {
      const problems = streams.flatMap((stream) => stream.problems());
      if (!running) problems.push('the recorder is not running');
      return { status: problems.length === 0 ? 'up' : 'down', problems };
    },
  };
}
