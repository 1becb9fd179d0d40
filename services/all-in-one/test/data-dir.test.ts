import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { OperatorError } from '@milena/runtime';
import { DataDirInUseError, openDataDir } from '../src/data-dir.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'milena-data-dir-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const lockOf = (holder: unknown): void => {
  writeFileSync(path.join(directory, 'lock'), JSON.stringify(holder));
};

describe('the data directory', () => {
  it('is refused while another process holds it, and the message names that process', async () => {
    const other = spawn('sleep', ['30']);
    try {
      lockOf({ pid: other.pid, began: '' });
      expect(() => openDataDir(directory)).toThrow(DataDirInUseError);
      expect(() => openDataDir(directory)).toThrow(`process ${String(other.pid)}`);
    } finally {
      other.kill('SIGKILL');
      await new Promise((resolve) => other.once('exit', resolve));
    }
  });

  it('that can not be made or written to is told by the name of its setting, without a stack', () => {
    const file = path.join(directory, 'file');
    writeFileSync(file, '');
    for (const place of [file, path.join(file, 'below')]) {
      expect(() => openDataDir(place)).toThrow(OperatorError);
      expect(() => openDataDir(place)).toThrow(`DATA_DIR=${place} is no directory that can be written to: E`);
    }
  });

  it('is taken over from a process that no longer runs', async () => {
    const other = spawn('true');
    await new Promise((resolve) => other.once('exit', resolve));
    lockOf({ pid: other.pid, began: '' });
    const opened = openDataDir(directory);
    expect((JSON.parse(readFileSync(path.join(directory, 'lock'), 'utf8')) as { pid: number }).pid).toBe(
      process.pid,
    );
    opened.release();
  });

  it('is taken over when the pid now belongs to another process than the one that took the lock', () => {
    lockOf({ pid: process.ppid, began: 'another-boot/1' });
    openDataDir(directory).release();
  });

  it('is taken over when the lock is torn, as after a power cut', () => {
    writeFileSync(path.join(directory, 'lock'), '');
    openDataDir(directory).release();
  });

  it('is free again after release', () => {
    openDataDir(directory).release();
    openDataDir(directory).release();
  });

  it('keeps one secrets key, readable by its owner only', () => {
    const opened = openDataDir(directory);
    const key = opened.secretsKey();
    expect(key).toHaveLength(32);
    expect(opened.secretsKey().equals(key)).toBe(true);
    expect(statSync(path.join(directory, 'secrets.key')).mode & 0o077).toBe(0);
    writeFileSync(path.join(directory, 'secrets.key'), 'torn');
    expect(() => opened.secretsKey()).toThrow(/32 bytes/);
    opened.release();
  });
});
