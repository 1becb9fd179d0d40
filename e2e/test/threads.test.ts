import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { getPriority, release } from 'node:os';
import { removeDataDir, startAllInOne } from '@milena/testing';

interface Thread {
  name: string;
  /** How far below the others; 0 unless told. */
  nice: number;
  /** How long it may run before others have a turn, ms; null where the kernel has one for all. */
  sliceMs: number | null;
}

/** Linux has a slice for each thread from 6.12 on. */
function slicesAreOwn(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return process.platform === 'linux' && (major > 6 || (major === 6 && minor >= 12));
}

/** As a kernel tells it that is built with the scheduler's statistics, as those of the distributions are. */
function sliceOf(statistics: string): number {
  const told = /^se\.slice +: +(\d+)$/m.exec(statistics);
  if (!told) throw new Error(`no slice in what the kernel tells of a thread:\n${statistics}`);
  return Number(told[1]) / 1e6;
}

/** Threads end while they are looked at. Empty where there is no /proc of Linux's kind, and nothing to be lowered. */
function threadsOf(pid: number): Thread[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [];
  const read = readdirSync(folder).flatMap((task) => {
    try {
      const name = readFileSync(`${folder}/${task}/comm`, 'utf8').trim();
      const statistics = slicesAreOwn() ? readFileSync(`${folder}/${task}/sched`, 'utf8') : null;
      return [{ name, nice: getPriority(Number(task)), statistics }];
    } catch {
      return [];
    }
  });
  return read.map(({ name, nice, statistics }) => ({
    ...{ name, nice },
    sliceMs: statistics === null ? null : sliceOf(statistics),
  }));
}

describe('threads of the all-in-one', () => {
  it("those of ClickHouse's engine give way, Node's and the log's do not", async () => {
    const milena = await startAllInOne();
    try {
      const engines = ({ name }: Thread) => /^(ThreadPool|MergeMutate|QueryPipeline)/.test(name);
      const deadline = Date.now() + 20_000;
      let threads = threadsOf(milena.pid);
      while (threads.some((thread) => engines(thread) && thread.nice === 0) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        threads = threadsOf(milena.pid);
      }
      const lowered = threads.filter(engines);
      const onLinux = process.platform === 'linux';
      expect(lowered.length > 2).toBe(onLinux);
      expect(lowered.filter(({ nice }) => nice !== 5)).toEqual([]);
      expect(lowered.filter(({ sliceMs }) => sliceMs !== null && sliceMs !== 100)).toEqual([]);
      const others = threads.filter(({ name }) => /^(node|MainThread|libuv|V8)/.test(name));
      expect(others.length > 4).toBe(onLinux);
      expect(others.filter(({ nice }) => nice !== 0)).toEqual([]);
      expect(others.filter(({ sliceMs }) => sliceMs !== null && sliceMs >= 10)).toEqual([]);
    } finally {
      await milena.stop();
      removeDataDir(milena.dataDir);
    }
  }, 90_000);
});
