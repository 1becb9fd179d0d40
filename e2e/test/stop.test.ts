import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { removeDataDir, startAllInOne, temporaryDataDir } from '@milena/testing';
import { createClient, eventually } from '../src/client.ts';

const ROOT = path.resolve(__dirname, '../..');

interface Started {
  api: string;
  demo_receiver: string;
}

/** `npm start` with no terminal, in a process group of its own, as a supervisor runs it. */
function npmStart(dataDir: string): {
  npm: ChildProcess;
  code: Promise<number | null>;
  output: () => string;
} {
  const npm = spawn('npm', ['start', '--silent'], {
    cwd: ROOT,
    detached: true,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PORT: '0',
      ADMIN_PORT: '0',
      DEMO_RECEIVER_PORT: '0',
      DATA_DIR: dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [npm.stdout, npm.stderr])
    stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  const code = new Promise<number | null>((resolve) => npm.once('exit', resolve));
  return { npm, code, output: () => text };
}

/** Sends an event to an endpoint that takes `answerMs` to answer, and returns when the request is there. */
async function underWay({ api, demo_receiver }: Started, answerMs: number): Promise<void> {
  const client = await createClient({ api, ingest: api });
  const id = await client.subscribe({ target_url: `${demo_receiver}/slow?ms=${answerMs}` });
  await client.ingest(id, '{"order":42}');
  await eventually(
    async () => (await (await fetch(`${demo_receiver}/count`)).json()) as { requests: number },
    ({ requests }) => requests > 0,
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const postgresPid = (dataDir: string): number =>
  Number(readFileSync(path.join(dataDir, 'postgres/cluster/postmaster.pid'), 'utf8').split('\n')[0]);

describe('a stop', () => {
  it.each([
    ['SIGINT to every process of npm start', (pid: number) => process.kill(-pid, 'SIGINT')],
    ['SIGTERM to every process of npm start', (pid: number) => process.kill(-pid, 'SIGTERM')],
    ['SIGTERM to npm alone', (pid: number) => process.kill(pid, 'SIGTERM')],
  ])(
    'by %s waits for what is under way',
    async (_how, signal) => {
      const dataDir = temporaryDataDir();
      const { npm, code, output } = npmStart(dataDir);
      const pid = npm.pid ?? 0;
      try {
        await eventually(
          () => Promise.resolve(output()),
          (text) => text.includes('Stop with Ctrl-C.'),
          60_000,
        );
        await underWay(
          JSON.parse(readFileSync(path.join(dataDir, 'endpoints.json'), 'utf8')) as Started,
          1000,
        );
        signal(pid);
        expect(await code).toBe(0);
        expect(isAlive(-pid)).toBe(false);
        expect(output()).not.toContain('process.killed');
        expect(existsSync(path.join(dataDir, 'postgres/cluster/postmaster.pid'))).toBe(false);
      } finally {
        if (isAlive(-pid)) process.kill(-pid, 'SIGTERM');
        await eventually(
          () => Promise.resolve(isAlive(-pid)),
          (alive) => !alive,
        );
        removeDataDir(dataDir);
      }
    },
    120_000,
  );

  it('by a second signal waits for nothing and leaves no database running', async () => {
    const milena = await startAllInOne();
    try {
      await underWay(milena, 8000);
      const database = postgresPid(milena.dataDir);
      process.kill(milena.pid, 'SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 1100));
      process.kill(milena.pid, 'SIGTERM');
      await eventually(
        () => Promise.resolve([isAlive(milena.pid), isAlive(database)]),
        (alive) => !alive.includes(true),
      );
      expect(milena.output()).toContain('process.killed');
    } finally {
      await milena.kill();
      removeDataDir(milena.dataDir);
    }
  }, 120_000);
});
