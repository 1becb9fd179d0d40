import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks per second of /proc; 100 on every Linux that Node runs on. */
const TICKS_PER_S = 100;

interface Stat {
  pid: number;
  ppid: number;
  cpuMs: number;
  rssMb: number;
}

function stat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const at = (index: number): number => fields[index] ?? 0;
    // utime, stime and those of children that ended and were waited for (a database's short-lived workers).
    const ticks = at(11) + at(12) + at(13) + at(14);
    return {
      pid,
      ppid: at(1),
      cpuMs: (ticks * 1000) / TICKS_PER_S,
      rssMb: (at(21) * 4096) / 1_048_576,
    };
  } catch {
    return null;
  }
}

/** CPU time used so far (ms) and resident memory (MiB). */
interface Usage {
  cpuMs: number;
  rssMb: number;
}

/**
 * Of a process and everything it started.
 * @throws Error where there is no /proc
 */
export function usage(pid: number): Usage {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => stat(Number(entry)))
    .filter((entry) => entry !== null);
  const own = all.find((entry) => entry.pid === pid);
  if (!own) throw new Error(`process ${pid} is gone, or this system has no /proc`);
  const sum = { cpuMs: own.cpuMs, rssMb: own.rssMb };
  const open = [pid];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const child of all.filter((entry) => entry.ppid === parent)) {
      sum.cpuMs += child.cpuMs;
      sum.rssMb += child.rssMb;
      open.push(child.pid);
    }
  }
  return sum;
}

/** Time that a hypervisor gave to others while this machine had work, so far, ms of all processors; 0 where it is not told. */
export function stolenMs(): number {
  const [all = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  return (Number(all.split(/\s+/)[8] ?? 0) * 1000) / TICKS_PER_S;
}

/** CPU time used so far (ms) by all of them. */
export function cpuMsOf(processes: readonly { pid: number }[]): number {
  return processes.reduce((sum, { pid }) => sum + usage(pid).cpuMs, 0);
}
