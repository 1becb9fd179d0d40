import { setPriority } from 'node:os';

/** How Linux lets a thread run beside others. */
export interface Scheduling {
  /** As in nice(2). */
  nice: number;
  /**
   * How long the thread runs before others have a turn. One that wakes up does not wait for the end of a slice that is
   * longer than its own. 0.1 to 100 ms; from Linux 6.12 on, before that it has no effect.
   */
  sliceMs: number;
}

/** @throws Error when the thread has ended, or may not be changed */
type Schedule = (threadId: number, scheduling: Scheduling) => void;

/** Numbers of sched_setattr, for which libc has no function before glibc 2.41. Source: Linux, its tables of system calls. */
const SCHED_SETATTR: Partial<Record<NodeJS.Architecture, number>> = { x64: 314, arm64: 274 };
/** Bytes of struct sched_attr in its first version. Source: Linux, include/uapi/linux/sched/types.h. */
const ATTR_BYTES = 48;
/** SCHED_FLAG_KEEP_POLICY: whoever runs all of the process as `SCHED_IDLE` or `SCHED_BATCH` means these threads, too. */
const KEEP_POLICY = 8n;

type Syscall = (number: number, threadId: number, attr: Buffer, flags: number) => number;

/** Sets what the system can: only `nice` where it is not Linux, on other processors, or where nothing makes the call. */
export async function openSchedule(): Promise<Schedule> {
  const number = process.platform === 'linux' ? SCHED_SETATTR[process.arch] : undefined;
  const syscall = number === undefined ? null : await openSyscall();
  if (number === undefined || syscall === null) {
    return (threadId, { nice }) => {
      // Linux takes the number of a thread where others take that of a process.
      setPriority(threadId, nice);
    };
  }
  return (threadId, { nice, sliceMs }) => {
    const attr = Buffer.alloc(ATTR_BYTES);
    attr.writeUInt32LE(ATTR_BYTES, 0);
    attr.writeBigUInt64LE(KEEP_POLICY, 8);
    attr.writeInt32LE(nice, 16);
    attr.writeBigUInt64LE(BigInt(sliceMs * 1_000_000), 24);
    // A sandbox may refuse it, and before Linux 5.3 the flag is unknown.
    if (syscall(number, threadId, attr, 0) !== 0) setPriority(threadId, nice);
  };
}

/** null: the library has no build for this system. */
async function openSyscall(): Promise<Syscall | null> {
  try {
    const { load } = await import('koffi');
    return load(null).func('long syscall(long number, long threadId, void *attr, long flags)') as Syscall;
  } catch {
    return null;
  }
}
