import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LogUnavailableError } from '@milena/log';
import { readConfig } from '@milena/runtime';
import { ALL_IN_ONE_SETTINGS } from '../src/config.ts';
import { openDeliveriesThread } from '../src/deliveries-client.ts';
import type { DeliveriesSetup } from '../src/deliveries.ts';

const config = readConfig({}, ALL_IN_ONE_SETTINGS);
const SETUP: DeliveriesSetup = {
  postgresUrl: 'postgres://127.0.0.1:1/none',
  clickhouse: { url: 'http://127.0.0.1:1', database: 'none' },
  logFolder: '/nowhere',
  secretsKey: new Uint8Array(32),
  previousKeys: [],
};

/** Answers everything that it is asked, and does what `onCall` says. */
const program = (onCall: string): string => `
const { parentPort } = require('node:worker_threads');
parentPort.on('message', (messages) => {
  for (const { id, name } of messages) {
    ${onCall}
    parentPort.postMessage([{ kind: 'answer', id, value: [name] }]);
  }
});`;

describe('the thread of the deliveries, seen from the other one', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'milena-thread-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function open(source: string) {
    const file = path.join(folder, 'thread.cjs');
    writeFileSync(file, source);
    const reasons: Error[] = [];
    const thread = openDeliveriesThread({
      config,
      lost: (reason) => void reasons.push(reason),
      program: file,
    });
    return { thread, reasons };
  }

  it('is told of by an error when it ends while it runs, once, and answers nobody any more', async () => {
    const { thread, reasons } = open(program("if (name === 'problems') throw new Error('a bug');"));
    await thread.start(SETUP);
    await expect(thread.problems()).rejects.toThrow('a bug');
    await expect(thread.log.ping()).rejects.toThrow('a bug');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(reasons.map(({ message }) => message)).toEqual(['a bug']);
    thread.end();
  });

  it('is told of as well when it ends without an error', async () => {
    const { thread, reasons } = open(program("if (name === 'problems') process.exit(3);"));
    await thread.start(SETUP);
    await expect(thread.problems()).rejects.toThrow('ended with 3');
    expect(reasons.map(({ message }) => message)).toEqual(['the thread of the deliveries ended with 3']);
  });

  it('says why it did not start, and is not told of as lost', async () => {
    const { thread, reasons } = open("throw new Error('no such module');");
    await expect(thread.start(SETUP)).rejects.toThrow('no such module');
    thread.end();
    expect(reasons).toEqual([]);
  });

  it('stops what runs in it before it ends, and is not lost by that', async () => {
    const { thread, reasons } = open(
      program("if (name === 'stop') require('node:fs').writeFileSync(__dirname + '/stopped', name);"),
    );
    await thread.start(SETUP);
    expect(await thread.problems()).toEqual(['problems']);
    expect(await thread.metrics()).toEqual(['metrics']);
    await thread.stop();
    // As a scrape during the rest of the stop finds them.
    expect(await thread.metrics()).toEqual(['metrics']);
    rmSync(path.join(folder, 'stopped'));
    await expect(thread.problems()).rejects.toThrow('ended');
    await expect(thread.log.append([])).rejects.toBeInstanceOf(LogUnavailableError);
    expect(reasons).toEqual([]);
  });
});
