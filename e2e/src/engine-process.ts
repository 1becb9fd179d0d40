import type { RunningAllInOne } from '@milena/testing';

/** Of the process that ClickHouse's engine has to itself, as an all-in-one with LOG_LEVEL=info told of it last. */
export function enginePid(milena: RunningAllInOne): number {
  const lines = milena.output().split('\n');
  const last = lines.filter((line) => /"embedded_clickhouse\.(re)?started"/.test(line)).at(-1) ?? '{}';
  return (JSON.parse(last) as { pid: number }).pid;
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
