import { readFileSync } from 'node:fs';
import type { RunningAllInOne } from '@milena/testing';

/** Of the process that ClickHouse's engine has to itself, as an all-in-one with LOG_LEVEL=info told of it last. */
export function enginePid(milena: RunningAllInOne): number {
  const lines = milena.output().split('\n');
  const last = lines.filter((line) => /"embedded_clickhouse\.(re)?started"/.test(line)).at(-1);
  if (last === undefined) throw new Error('it tells of no engine; is LOG_LEVEL info?');
  return (JSON.parse(last) as { pid: number }).pid;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !(process.platform === 'linux' && isZombie(pid));
}

/** It has ended, and nobody has asked how. */
function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
