import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogOutput } from '../src/log-output.ts';

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
let folder: string;
let fifo: string;
const open: number[] = [];

const openFifo = (flags: number): number => {
  const fd = openSync(fifo, flags | O_NONBLOCK);
  open.push(fd);
  return fd;
};

/** All that is in the pipe now. */
function drain(fd: number): string {
  const buffer = Buffer.alloc(1024 * 1024);
  let length = 0;
  try {
    for (let n = -1; n !== 0; length += n) n = readSync(fd, buffer, length, buffer.length - length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return buffer.toString('utf8', 0, length);
}

const lostLine = (lines: number, reason: string) => ({
  level: 'warn',
  time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  service: 'ingest',
  event: 'log.lines_lost',
  lines,
  reason,
});

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'milena-log-'));
  fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
});
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
  rmSync(folder, { recursive: true });
});

test('lines arrive as they are, and at once', () => {
  const fd = openFifo(O_RDWR);
  const output = createLogOutput('ingest', fd);
  output.write('{"a":"ä"}\n');
  output.write('{"b":2}\n');
  expect(drain(fd)).toBe('{"a":"ä"}\n{"b":2}\n');
});

test('what nobody reads is lost, and counted once somebody does again', () => {
  const reader = openFifo(O_RDONLY);
  const output = createLogOutput('ingest', openFifo(O_WRONLY));
  closeSync(reader);
  open.splice(open.indexOf(reader), 1);
  for (const line of ['1\n', '2\n', '3\n']) output.write(line);
  const next = openFifo(O_RDONLY);
  output.write('4\n');
  output.write('5\n');
  const [told = '', ...others] = drain(next).split('\n');
  expect(JSON.parse(told)).toEqual(lostLine(3, 'EPIPE'));
  expect(others).toEqual(['4', '5', '']);
});

test('a reader that stands still is waited for once; a line that it had a part of ends where it was cut off', () => {
  const fd = openFifo(O_RDWR);
  const output = createLogOutput('ingest', fd);
  const long = `${'x'.repeat(200_000)}\n`;
  output.write(long);
  const before = performance.now();
  for (let n = 0; n < 20; n += 1) output.write(long);
  // Each that waited would take two seconds.
  expect(performance.now() - before).toBeLessThan(10_000);
  const part = drain(fd);
  expect(part).toMatch(/^x+$/);
  output.write('last\n');
  const lines = drain(fd).split('\n');
  expect([lines[0], lines[2], lines[3]]).toEqual(['', 'last', '']);
  expect(JSON.parse(lines[1] ?? '')).toEqual(lostLine(21, 'EAGAIN'));
});
