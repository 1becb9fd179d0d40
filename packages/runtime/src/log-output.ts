import { writeSync } from 'node:fs';

/** Waits between two tries of a reader that takes nothing at the moment, as a full pipe does. */
const RETRY_MS = 5;
/** So long may a line wait for such a reader. Nothing else runs meanwhile, so the next ones don't until one got through. */
const PATIENCE_MS = 2000;

/**
 * Lines of a service to a file descriptor, each written before `write` returns. One that can't be written (a full disk, a
 * closed terminal, a reader that stands still) is lost, and counted: what it tells of goes on. Once one can be written
 * again, a line `log.lines_lost` goes before it, with their number and the last reason.
 */
export function createLogOutput(service: string, fd = 1): { write(line: string): void } {
  let lost = 0;
  let reason = '';
  let midLine = false;
  let patient = true;

  const putAll = (text: string): void => {
    let left = Buffer.byteLength(text);
    const deadline = performance.now() + (patient ? PATIENCE_MS : 0);
    // Nearly always the whole line goes at once, and needs no copy as bytes.
    let rest: Buffer | null = null;
    while (left > 0) {
      try {
        left -= rest === null ? writeSync(fd, text) : writeSync(fd, rest);
        midLine = left > 0;
        if (midLine) rest = Buffer.from(text).subarray(-left);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'EAGAIN' || performance.now() > deadline) throw error;
        pause(RETRY_MS);
      }
    }
  };
  const told = (): string => {
    const line = { level: 'warn', time: new Date().toISOString(), service, event: 'log.lines_lost' };
    return `${midLine ? '\n' : ''}${JSON.stringify({ ...line, lines: lost, reason })}\n`;
  };

  return {
    write: (line) => {
      try {
        if (lost > 0) {
          putAll(told());
          lost = 0;
        }
        putAll(line);
        patient = true;
      } catch (error) {
        const { code = String(error) } = error as NodeJS.ErrnoException;
        lost += 1;
        reason = code;
        if (code === 'EAGAIN') patient = false;
      }
    },
  };
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
