import type { AttemptView } from '@milena/domain';
import type { Clock, Logger } from '@milena/runtime';
import { BATCH, mayHaveMark, wants, type AttemptChoice, type Batch, type Tail } from './batch.ts';
import { attemptFrame, heartbeatFrame, markFrame, openingFrame } from './frames.ts';
import { createListener, LARGEST_QUEUE, type Listener } from './listener.ts';
import { createPoller } from './poller.ts';
import { assertRoom, type Bounds, type Follower } from './room.ts';

/** Attempts as they are stored, for one caller. */
export interface LiveTail {
  /**
   * Texts of a server-sent event stream. Whatever is stored after this resolved is in it; with `resumeFrom` (an id of an
   * earlier stream) also what was stored since. Ends when the client goes away, reads too slowly, or the tail closes.
   * @throws HttpProblem 429 when the caller listens too often already, 503 when too many do; BadCursorError for an id
   * that no stream gave out
   */
  listen(
    choice: AttemptChoice,
    resumeFrom: string | null,
    signal: AbortSignal,
  ): Promise<AsyncIterable<string>>;
}

/** Attempts as they are stored, for everybody who listens. */
interface SharedTail {
  of(follower: Follower): LiveTail;
  listeners(): number;
  /** Ends every stream; no new one is taken. */
  close(): void;
}

interface Member {
  follower: Follower;
  choice: AttemptChoice;
  listener: Listener;
  /** It was sent attempts, and no mark behind them yet. */
  owed: boolean;
}

/** One poller for all listeners, which rests while nobody listens. */
export function createLiveTail(deps: {
  attempts: Tail;
  clock: Clock;
  logger: Logger;
  bounds: Bounds;
}): SharedTail {
  const { attempts, clock, logger, bounds } = deps;
  const members = new Set<Member>();
  let closed = false;

  const poller = createPoller({
    attempts,
    clock,
    logger,
    onBatch: (batch) => {
      publish([...members], batch);
    },
    onHeartbeat: (mark) => {
      for (const { listener } of members) if (listener.idle()) listener.push(heartbeatFrame(mark));
    },
  });

  function join(follower: Follower, choice: AttemptChoice, signal: AbortSignal): Member {
    assertRoom(closed ? 'closed' : [...members], follower, bounds);
    const listener = createListener(() => {
      members.delete(member);
      if (members.size === 0) poller.stop();
    });
    const member: Member = { follower, choice, listener, owed: false };
    members.add(member);
    const gone = (): void => {
      listener.close('The client went away.');
    };
    if (signal.aborted) gone();
    else signal.addEventListener('abort', gone, { once: true });
    return member;
  }

  return {
    of: (follower) => ({
      listen: async (choice, resumeFrom, signal) => {
        const member = join(follower, choice, signal);
        try {
          const start = await poller.start();
          const missed =
            resumeFrom === null ? null : await attempts.tail(resumeFrom, BATCH, choice.tenant_id);
          return stream(attempts, member, start, missed);
        } catch (error) {
          member.listener.close('The live tail can not be read.');
          throw error;
        }
      },
    }),
    listeners: () => members.size,
    close: () => {
      closed = true;
      for (const { listener } of [...members]) listener.close('The service is stopping.');
    },
  };
}

/**
 * Each attempt is put into text once, however many listen. A mark that names what a member may not know is kept from it;
 * it gets the next one that does not, which is that of the first batch that is not full.
 */
function publish(members: readonly Member[], batch: Batch): void {
  const entries = batch.data.map((attempt) => ({ attempt, frame: attemptFrame(attempt) }));
  for (const member of members) {
    const { choice, listener } = member;
    const chosen = entries.filter(({ attempt }) => wants(choice, attempt));
    for (const { frame } of chosen) listener.push(frame);
    member.owed ||= chosen.length > 0;
    if (!member.owed || !mayHaveMark(choice, batch)) continue;
    listener.push(markFrame(batch.mark));
    member.owed = false;
  }
}

/** First what was missed, then what the poller brings; an attempt that is in both is sent once. */
async function* stream(
  attempts: Tail,
  { choice, listener }: Member,
  start: string,
  missed: Batch | null,
): AsyncGenerator<string> {
  const sent = new Set<string>();
  try {
    yield openingFrame().text;
    if (missed === null) yield markFrame(start).text;
    for (let batch = missed; batch !== null && batch.data.length > 0;) {
      for (const attempt of batch.data.filter((one) => wants(choice, one))) {
        remember(sent, attempt);
        yield attemptFrame(attempt).text;
      }
      yield markFrame(batch.mark).text;
      batch = await attempts.tail(batch.mark, BATCH, choice.tenant_id);
    }
    for (let frame = await listener.next(); frame !== null; frame = await listener.next()) {
      if (frame.attempt_id === null || !sent.delete(frame.attempt_id)) yield frame.text;
    }
  } finally {
    listener.close('The stream was left.');
  }
}

/** Only what the queue may hold as well can come twice, so no more needs to be remembered. */
function remember(sent: Set<string>, { id }: AttemptView): void {
  sent.add(id);
  const [oldest = ''] = sent;
  if (sent.size > LARGEST_QUEUE) sent.delete(oldest);
}
