// What a process can ask of its system and Node has no function for. Where it can't be asked, nothing of it happens: npm koffi
// has no build for the system, a sandbox refuses, or the system is another one.
import { readdirSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** A third of a process' usual weight, so that it still gets on when every processor is busy. As in nice(2). */
const NICE = 5;
/**
 * The longest that there is. What wakes up does not wait for the end of a slice that is longer than its own; from Linux
 * 6.12 on, before that it has no effect.
 */
const SLICE_MS = 100;

/** Numbers of sched_setattr, for which libc has no function before glibc 2.41. Source: Linux, its tables of system calls. */
const SCHED_SETATTR: Partial<Record<NodeJS.Architecture, number>> = { x64: 314, arm64: 274 };
/** Bytes of struct sched_attr in its first version. Source: Linux, include/uapi/linux/sched/types.h. */
const ATTR_BYTES = 48;
/** SCHED_FLAG_KEEP_POLICY: whoever runs the process as `SCHED_IDLE` or `SCHED_BATCH` means it. */
const KEEP_POLICY = 8n;
/** Source: Linux, include/uapi/linux/prctl.h. */
const PR_SET_PDEATHSIG = 1;
/** The null pointer, as in POSIX systems' signal.h. */
const SIG_DFL = null;

/**
 * Lets this process give way to others: it takes what is free of the processors, and what wakes up elsewhere need not wait
 * for a turn of its. Threads that begin later have it from the one that begins them.
 */
export async function giveWay(): Promise<void> {
  // Whoever runs all of it with less weight means it.
  const nice = Math.max(NICE, getPriority());
  const number = process.platform === 'linux' ? SCHED_SETATTR[process.arch] : undefined;
  if (number === undefined) {
    ignoringRefusals(() => {
      setPriority(nice);
    });
    return;
  }
  const attr = Buffer.alloc(ATTR_BYTES);
  attr.writeUInt32LE(ATTR_BYTES, 0);
  attr.writeBigUInt64LE(KEEP_POLICY, 8);
  attr.writeInt32LE(nice, 16);
  attr.writeBigUInt64LE(BigInt(SLICE_MS * 1_000_000), 24);
  const libc = await openLibc();
  for (const threadId of readdirSync('/proc/self/task').map(Number)) {
    // Before Linux 5.3 the flag is unknown. Linux takes a thread where others take a process.
    if (libc?.syscall(number, threadId, attr, 0) === 0) continue;
    ignoringRefusals(() => {
      setPriority(threadId, nice);
    });
  }
}

/** On Linux this process ends with the one that started it, whatever it does at the moment. */
export async function endWithParent(): Promise<void> {
  if (process.platform !== 'linux') return;
  const libc = await openLibc();
  libc?.prctl(PR_SET_PDEATHSIG, constants.signals.SIGKILL);
}

/**
 * Undoes what a library has set for signals that tell of a broken program: this process ends with them at once. Afterwards
 * the library must not set them again.
 */
export async function endOnFatalSignals(): Promise<void> {
  const libc = await openLibc();
  const { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP } = constants.signals;
  for (const signal of [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP])
    libc?.signal(signal, SIG_DFL);
}

function ignoringRefusals(task: () => void): void {
  try {
    task();
  } catch {
    // It only runs as before.
  }
}

interface Libc {
  syscall(number: number, threadId: number, attr: Buffer, flags: number): number;
  prctl(option: number, value: number): number;
  signal(signal: number, handler: null): unknown;
}

async function openLibc(): Promise<Libc | null> {
  try {
    const { load } = await import('koffi');
    const libc = load(null);
    return {
      syscall: libc.func('long syscall(long number, long threadId, void *attr, long flags)'),
      // It takes more where the option needs more.
      prctl: libc.func('int prctl(int option, unsigned long value)'),
      signal: libc.func('void *signal(int signal, void *handler)'),
    };
  } catch {
    return null;
  }
}
