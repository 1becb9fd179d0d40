import type { AttemptView, Outcome } from '@milena/domain';
import { HttpProblem } from '@milena/http';
import type { Clock, Logger } from '@milena/runtime';
import type { AttemptReader } from '@milena/stores';
import { attemptFrame, heartbeatFrame, markFrame, openingFrame } from './frames.ts';
import { createListener, LARGEST_QUEUE, type Listener } from './listener.ts';
import { BATCH, createPoller } from './poller.ts';

export interface AttemptChoice {
  tenant_id?: string;
  subscription_id?: string;
  outcome?: Outcome;
}

/** Attempts as they are stored, for everybody who listens. */
export interface LiveTail {
  /**
   * Texts of a server-sent event stream. Whatever is stored after this resolved is in it; with `resumeFrom` (an id of an
   * earlier stream) also what was stored since. Ends when the client goes away, reads too slowly, or the tail closes.
   * @throws HttpProblem 503 when too many listen already; BadCursorError for an id that no stream gave out
   */
  listen(
    choice: AttemptChoice,
    resumeFrom: string | null,
    signal: AbortSignal,
  ): Promise<AsyncIterable<string>>;
  listeners(): number;
  /** Ends every stream; no new one is taken. */
  close(): void;
}

interface Member {
  choice: AttemptChoice;
  listener: Listener;
}
type Tail = Pick<AttemptReader, 'tail'>;
type Batch = Awaited<ReturnType<AttemptReader['tail']>>;

function wants(choice: AttemptChoice, attempt: AttemptView): boolean {
  const { tenant_id, subscription_id, outcome } = choice;
  return (
    (tenant_id === undefined || tenant_id === attempt.tenant_id) &&
    (subscription_id === undefined || subscription_id === attempt.subscription_id) &&
    (outcome === undefined || outcome === attempt.outcome)
  );
}

/** One poller for all listeners, which rests while nobody listens. */
export function createLiveTail(deps: {
  attempts: Tail;
  clock: Clock;
  logger: Logger;
  maxListeners: number;
}): LiveTail {
  const { attempts, clock, logger, maxListeners } = deps;
  const members = new Set<Member>();
  let closed = false;

  const poller = createPoller({
    attempts,
    clock,
    logger,
    onBatch: (batch, mark) => {
      publish([...members], batch, mark);
    },
    onHeartbeat: (mark) => {
      for (const { listener } of members) if (listener.idle()) listener.push(heartbeatFrame(mark));
    },
  });

  function join(choice: AttemptChoice, signal: AbortSignal): Member {
    if (closed || members.size >= maxListeners) throw tooManyListeners();
    const listener = createListener(() => {
      members.delete(member);
      if (members.size === 0) poller.stop();
    });
    const member: Member = { choice, listener };
    members.add(member);
    const gone = (): void => {
      listener.close('The client went away.');
    };
    if (signal.aborted) gone();
    else signal.addEventListener('abort', gone, { once: true });
    return member;
  }

  return {
    listen: async (choice, resumeFrom, signal) => {
      const member = join(choice, signal);
      try {
        const start = await poller.start();
        const missed = resumeFrom === null ? null : await attempts.tail(resumeFrom, BATCH);
        return stream(attempts, member, start, missed);
      } catch (error) {
        member.listener.close('The live tail can not be read.');
        throw error;
      }
    },
    listeners: () => members.size,
    close: () => {
      closed = true;
      for (const { listener } of [...members]) listener.close('The service is stopping.');
    },
  };
}

function tooManyListeners(): HttpProblem {
  return new HttpProblem(503, 'too-many-listeners', 'Too many clients follow the live tail already.', {
    headers: { 'retry-after': '10' },
  });
}

/** Each attempt is put into text once, however many listen. */
function publish(members: readonly Member[], batch: readonly AttemptView[], mark: string): void {
  const entries = batch.map((attempt) => ({ attempt, frame: attemptFrame(attempt) }));
  for (const { choice, listener } of members) {
    const chosen = entries.filter(({ attempt }) => wants(choice, attempt));
    for (const { frame } of chosen) listener.push(frame);
    if (chosen.length > 0) listener.push(markFrame(mark));
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
        remember(sent, attempt.id);
        yield attemptFrame(attempt).text;
      }
      yield markFrame(batch.mark).text;
      batch = await attempts.tail(batch.mark, BATCH);
    }
    for (let frame = await listener.next(); frame !== null; frame = await listener.next()) {
      if (frame.attempt_id === null || !sent.delete(frame.attempt_id)) yield frame.text;
    }
  } finally {
    listener.close('The stream was left.');
  }
}

/** Only what the queue may hold as well can come twice, so no more needs to be remembered. */
function remember(sent: Set<string>, id: string): void {
  sent.add(id);
  const [oldest = ''] = sent;
  if (sent.size > LARGEST_QUEUE) sent.delete(oldest);
}
