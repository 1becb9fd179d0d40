import type { AttemptView } from '@milena/domain';

/** A piece of a server-sent event stream (HTML standard, section 9.2.6). */
export interface Frame {
  text: string;
  /** Of the attempt it shows, if any. */
  attempt_id: string | null;
}

/** JSON text holds no line break, so one data line is enough. */
export function attemptFrame(attempt: AttemptView): Frame {
  return { text: `event: attempt\ndata: ${JSON.stringify(attempt)}\n\n`, attempt_id: attempt.id };
}

/** Without data no event fires; the id alone moves on from where a reconnecting client resumes. */
export function markFrame(mark: string): Frame {
  return { text: `id: ${mark}\n\n`, attempt_id: null };
}

/** Without a mark a reconnecting client resumes from where it would have resumed before. */
export function heartbeatFrame(mark: string | null): Frame {
  return { text: mark === null ? ': alive\n\n' : `: alive\nid: ${mark}\n\n`, attempt_id: null };
}

export function openingFrame(): Frame {
  return { text: 'retry: 2000\n: listening\n\n', attempt_id: null };
}

export function closingFrame(reason: string): Frame {
  return { text: `event: closed\ndata: ${JSON.stringify({ reason })}\n\n`, attempt_id: null };
}
