import { existsSync } from 'node:fs';
import path from 'node:path';
import { type RunningAllInOne, removeDataDir, startAllInOne } from '@milena/testing';
import { createClient, eventually } from '../src/client.ts';
import { enginePid, isAlive } from '../src/engine-process.ts';

/** Sends an event to an endpoint that takes `answerMs` to answer, and returns when the request is there. */
async function underWay({ api, demo_receiver }: RunningAllInOne, answerMs: number): Promise<void> {
  const client = await createClient({ api, ingest: api });
  const id = await client.subscribe({ target_url: `${demo_receiver}/slow?ms=${answerMs}` });
  await client.ingest(id, '{"order":42}');
  await eventually(
    async () => (await (await fetch(`${demo_receiver}/count`)).json()) as { requests: number },
    ({ requests }) => requests > 0,
  );
}

/** Postgres removes the file at its end. */
const databaseRuns = ({ dataDir }: RunningAllInOne): boolean =>
  existsSync(path.join(dataDir, 'postgres/cluster/postmaster.pid'));

describe('a stop', () => {
  it.each([
    ['SIGINT to every process of npm start', (npm: number) => process.kill(-npm, 'SIGINT')],
    ['SIGTERM to every process of npm start', (npm: number) => process.kill(-npm, 'SIGTERM')],
    ['SIGTERM to npm alone', (npm: number) => process.kill(npm, 'SIGTERM')],
  ])(
    'by %s waits for what is under way',
    async (_how, signal) => {
      const milena = await startAllInOne({ byNpm: true });
      try {
        await underWay(milena, 1000);
        await milena.stop(signal);
        expect(milena.output()).not.toContain('process.killed');
        expect(databaseRuns(milena)).toBe(false);
      } finally {
        await milena.kill();
        removeDataDir(milena.dataDir);
      }
    },
    120_000,
  );

  it('by a second signal waits for nothing and leaves no database running', async () => {
    const milena = await startAllInOne({ env: { LOG_LEVEL: 'info' } });
    try {
      await underWay(milena, 8000);
      process.kill(milena.pid, 'SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 1100));
      expect(databaseRuns(milena)).toBe(true);
      const engine = enginePid(milena);
      await expect(milena.stop()).rejects.toThrow('process.killed');
      await eventually(
        () => Promise.resolve([databaseRuns(milena), isAlive(engine)]),
        (runs) => !runs.includes(true),
      );
    } finally {
      await milena.kill();
      removeDataDir(milena.dataDir);
    }
  }, 120_000);

  it('by closing the terminal waits for what is under way', async () => {
    const milena = await startAllInOne();
    try {
      await underWay(milena, 1000);
      await milena.stop((pid) => process.kill(pid, 'SIGHUP'));
      expect(databaseRuns(milena)).toBe(false);
    } finally {
      await milena.kill();
      removeDataDir(milena.dataDir);
    }
  }, 120_000);
});
