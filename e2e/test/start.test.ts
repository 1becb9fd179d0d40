import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { createServer } from 'node:net';
import path from 'node:path';
import {
  NODE_FLAGS,
  onFreePorts,
  type RunningAllInOne,
  removeDataDir,
  startAllInOne,
  temporaryDataDir,
} from '@milena/testing';
import { eventually } from '../src/client.ts';

/** Starts it with this environment and returns what it said before it gave up. */
async function refusal(env: Record<string, string>, dataDir = temporaryDataDir()): Promise<string> {
  let started: RunningAllInOne | null = null;
  let said = '';
  try {
    started = await startAllInOne({ env, dataDir });
  } catch (error) {
    said = String(error);
  }
  if (started) {
    await started.kill();
    throw new Error('it started');
  }
  return said;
}

/** Where it listens; null until it does. */
async function apiOf(dataDir: string): Promise<string | null> {
  try {
    const text = await readFile(path.join(dataDir, 'endpoints.json'), 'utf8');
    return (JSON.parse(text) as { api: string }).api;
  } catch {
    return null;
  }
}

describe('starting the all-in-one', () => {
  it('reports everything wrong with the configuration at once, with right examples and no stack', async () => {
    const said = await refusal({ RETRY_DELAYS: '10x', PORT: 'http', DELIVERY_MAX_AGE: 'long' });
    for (const name of ['RETRY_DELAYS', 'PORT', 'DELIVERY_MAX_AGE']) expect(said).toContain(name);
    expect(said).toContain('10s,30s,1m,5m,15m');
    expect(said).not.toMatch(/\n\s+at .*main/);
  });

  it('refuses to listen beyond loopback without a key, and says what to do', async () => {
    const said = await refusal({ HOST: '0.0.0.0' });
    expect(said).toContain('API_KEY');
  });

  it('refuses a data directory that another process uses, and names that process', async () => {
    const first = await startAllInOne();
    try {
      const said = await refusal({}, first.dataDir);
      expect(said).toContain('is in use by process');
      expect(said).toContain(String(first.pid));
      expect(said).not.toMatch(/^\s+at /m);
      expect((await fetch(`${first.api}/ready`)).status).toBe(200);
    } finally {
      await first.stop();
      removeDataDir(first.dataDir);
    }
  }, 90_000);

  it('says which variable to change when a port is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    const said = await refusal({ PORT: String(address.port) });
    server.close();
    expect(said).toContain(String(address.port));
    expect(said).toMatch(/\bPORT\b/);
  }, 90_000);

  it('asks for the key when one is set, and prints lines that carry it', async () => {
    const key = 'a-key-of-sixteen-characters';
    const milena = await startAllInOne({ env: { API_KEY: key } });
    try {
      expect(milena.output()).toContain('Bearer $API_KEY');
      expect(milena.output()).not.toContain(key);
      const url = `${milena.api}/api/v1/subscriptions`;
      expect((await fetch(url)).status).toBe(401);
      expect((await fetch(url, { headers: { authorization: 'Bearer wrong-key-wrong-key' } })).status).toBe(
        401,
      );
      expect((await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
      const home = await fetch(`${milena.api}/`);
      expect(home.headers.get('content-type')).toContain('text/html');
      expect(await home.text()).toContain('/docs');
    } finally {
      await milena.stop();
      removeDataDir(milena.dataDir);
    }
  }, 90_000);

  it('works and stops when nothing can be printed', async () => {
    const dataDir = temporaryDataDir();
    const main = path.resolve(__dirname, '../../services/all-in-one/dist/main.cjs');
    // Open for reading only: each write fails, as on a full disk.
    const unwritable = openSync(main, 'r');
    const child = spawn(process.execPath, [...NODE_FLAGS, main], {
      env: onFreePorts({ DATA_DIR: dataDir, LOG_LEVEL: 'info' }),
      stdio: ['ignore', unwritable, unwritable],
    });
    closeSync(unwritable);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      const api = await eventually(
        () => apiOf(dataDir),
        (url) => url !== null,
        60_000,
      );
      expect((await fetch(`${String(api)}/ready`)).status).toBe(200);
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    } finally {
      child.kill('SIGKILL');
      await ended;
      removeDataDir(dataDir);
    }
  }, 90_000);

  it('names the lines of its sources in a stack', () => {
    const root = path.resolve(__dirname, '../..');
    const dist = path.join(root, 'services/all-in-one/dist');
    const lineOf = (file: string, text: string) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((line) => line.includes(text));
    const places = [
      ['main.cjs', 'packages/runtime/src/lifecycle.ts', 'function listenForStop('],
      ['deliveries-thread.cjs', 'services/recorder/src/stream.ts', 'await table.store();'],
      ['main.cjs', 'services/ingest/src/append-batcher.ts', 'export function createAppendBatcher'],
    ] as const;
    for (const [bundle, file, text] of places) {
      const map = new SourceMap(
        JSON.parse(readFileSync(path.join(dist, `${bundle}.map`), 'utf8')) as SourceMapPayload,
      );
      const line = lineOf(path.join(dist, bundle), text.replace('export ', ''));
      expect(line).toBeGreaterThan(0);
      expect(map.findEntry(line, 8)).toMatchObject({
        originalSource: path.relative(dist, path.join(root, file)),
        originalLine: lineOf(path.join(root, file), text),
      });
    }
  });
});
