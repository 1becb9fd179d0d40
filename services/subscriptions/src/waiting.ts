import { timeOfId } from '@milena/domain';
import {
  DEAD_LETTERS_RECORDER,
  endsReached,
  EVENTS_RECORDER,
  LOG_RECORDER,
  RECORDER_PATIENCE_MS,
  recorderBehind,
} from './caught-up.ts';
import type { CallDeps } from './deps.ts';
import { pause } from './pause.ts';

const POLL_MS = 100;
/** A recorder that takes longer than this has trouble, and so may the stores: they are asked less often then. */
const USUAL_MS = 2000;
const LATE_POLL_MS = 500;

const RECORDERS = {
  delivery: [EVENTS_RECORDER],
  event: [EVENTS_RECORDER, LOG_RECORDER],
  'dead letter': [DEAD_LETTERS_RECORDER],
};

/** What is read: by the id of which event or delivery, and whether it is that itself or its dead letter. */
interface Sought {
  what: keyof typeof RECORDERS;
  id: string;
  signal: AbortSignal;
}

/**
 * Reads what the recorder may not have stored yet: a delivery that was answered with 202 a moment ago is found, not denied.
 * Null is proof: whatever was in the log by now is stored, and this was not among it.
 * @throws HttpProblem 503 when the recorder is behind: nobody can tell
 * @throws LogUnavailableError
 */
export async function whenRecorded<T>(
  { log, clock }: Pick<CallDeps, 'log' | 'clock'>,
  { what, id, signal }: Sought,
  read: () => Promise<T | null>,
): Promise<T | null> {
  const known = await read();
  // Every id that was given out has a time in it.
  if (known !== null || timeOfId(id) === null) return known;
  const recorded = endsReached(log, RECORDERS[what]);
  const startedAt = clock.now();
  for (;;) {
    const proof = await recorded();
    const found = await read();
    if (found !== null || proof || signal.aborted) return found;
    const waited = clock.now() - startedAt;
    if (waited >= RECORDER_PATIENCE_MS)
      throw recorderBehind(`a ${what} that it has yet to store would be denied`);
    await pause(clock, waited < USUAL_MS ? POLL_MS : LATE_POLL_MS, signal);
  }
}
