import { closingFrame, type Frame } from './frames.ts';

/** About 10 MiB of frames at their largest; clients that lag behind share the same frames. */
export const LARGEST_QUEUE = 1000;

/** A bounded queue between the one poller and one client. */
export interface Listener {
  /** Takes a frame for the client; one that is too far behind is told so and let go. */
  push(frame: Frame): void;
  /** A last frame with the reason, then the end. */
  close(reason: string): void;
  /** The next frame; null at the end. */
  next(): Promise<Frame | null>;
  /** Nothing waits to be sent. */
  idle(): boolean;
}

export function createListener(onClosed: () => void): Listener {
  let queue: Frame[] = [];
  let wake: (() => void) | null = null;
  let closed = false;

  function close(reason: string): void {
    if (closed) return;
    closed = true;
    queue.push(closingFrame(reason));
    onClosed();
    wake?.();
  }

  return {
    push: (frame) => {
      if (closed) return;
      if (queue.length >= LARGEST_QUEUE) {
        // What is dropped here comes again: the client's Last-Event-ID lies before it.
        queue = [];
        close('You read too slowly. Reconnect with Last-Event-ID to go on from where you were.');
        return;
      }
      queue.push(frame);
      wake?.();
    },
    close,
    next: async () => {
      while (queue.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return queue.shift() ?? null;
    },
    idle: () => queue.length === 0,
  };
}
