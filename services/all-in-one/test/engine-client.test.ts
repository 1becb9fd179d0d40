import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEngineThread } from '../src/engine-client.ts';

/** Answers everything that it is asked with the name of the question, and does what `onCall` says. */
const program = (onCall: string): string => `
const { parentPort, workerData } = require('node:worker_threads');
parentPort.on('message', (messages) => {
  for (const { id, name } of messages) {
    ${onCall}
    parentPort.postMessage([{ kind: 'answer', id, value: name + ' ' + workerData.dataDir }]);
  }
});`;

describe('the thread of the engine, seen from the other one', () => {
  let folder: string;
  const reasons: Error[] = [];
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'milena-engine-'));
    reasons.length = 0;
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function start(source: string) {
    const file = path.join(folder, 'thread.cjs');
    writeFileSync(file, source);
    return startEngineThread(
      { dataDir: folder, logLevel: 'info' },
      { lost: (reason) => void reasons.push(reason), program: file },
    );
  }

  it('gives the address that the thread says, stops what runs in it once, and is not lost by that', async () => {
    const engine = await start(
      program("if (name === 'stop') require('node:fs').appendFileSync(__dirname + '/stops', 'x');"),
    );
    expect(engine.url).toBe(`start ${folder}`);
    await Promise.all([engine.stop(), engine.stop()]);
    expect(readFileSync(path.join(folder, 'stops'), 'utf8')).toBe('x');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(reasons).toEqual([]);
  });

  it('says why it did not start, and is not told of as lost', async () => {
    await expect(start("throw new Error('the directory is taken');")).rejects.toThrow(
      'the directory is taken',
    );
    expect(reasons).toEqual([]);
  });

  it('is told of once when it ends while it runs', async () => {
    await start(program("if (name === 'start') setTimeout(() => process.exit(3), 50);"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(reasons.map(({ message }) => message)).toEqual(['the thread "engine" ended with 3']);
  });
});
