import {
  ConfigError,
  createLogger,
  createTestClock,
  runProcess,
  type ProcessHooks,
  type ProcessPart,
  type ProcessPlan,
} from '../src/index.ts';

/** A process that the test sends signals to, and that only notes what it is told. */
function createProcess() {
  const exits: number[] = [];
  const printed: string[] = [];
  const logs: Record<string, unknown>[] = [];
  let onSignal: (signal: string) => void = () => undefined;
  let onFault: (error: unknown, origin: string) => void = () => undefined;
  const hooks: ProcessHooks = {
    exit: (code) => exits.push(code),
    printError: (text) => printed.push(text),
    onSignal: (listener) => {
      onSignal = listener;
    },
    onFault: (listener) => {
      onFault = listener;
    },
  };
  const destination = { write: (line: string) => logs.push(JSON.parse(line) as Record<string, unknown>) };
  return {
    hooks,
    exits,
    printed,
    logs,
    logger: createLogger({ service: 'test', level: 'info', destination }),
    signal: (name: string) => {
      onSignal(name);
    },
    fault: (error: unknown) => {
      onFault(error, 'uncaughtException');
    },
  };
}

function createParts(events: string[], special: Record<string, Partial<ProcessPart>> = {}): ProcessPart[] {
  return ['store', 'log', 'api'].map((name) => ({
    name,
    start: () => Promise.resolve(events.push(`start ${name}`)),
    stop: () => Promise.resolve(events.push(`stop ${name}`)),
    ...special[name],
  }));
}

const ALL = ['start store', 'start log', 'start api', 'stop api', 'stop log', 'stop store'];

function plan(
  host: ReturnType<typeof createProcess>,
  parts: ProcessPart[],
  more: Partial<ProcessPlan> = {},
): ProcessPlan {
  return { logger: host.logger, parts, drainTimeoutMs: 5000, ...more };
}

test('parts start in order; a signal drops readiness, then stops them in reverse, and the exit code is 0', async () => {
  const host = createProcess();
  const events: string[] = [];
  const done = runProcess(
    plan(host, createParts(events), {
      readiness: { drop: () => events.push('not ready') },
      onStarted: () => {
        events.push('started');
        host.signal('SIGTERM');
      },
    }),
    host.hooks,
  );
  await done;
  expect(events).toEqual([...ALL.slice(0, 3), 'started', 'not ready', ...ALL.slice(3)]);
  expect(host.exits).toEqual([0]);
});

test('a part that fails to start stops those before it, in reverse, and the exit code is 1', async () => {
  const host = createProcess();
  const events: string[] = [];
  const failing = { api: { start: () => Promise.reject(new Error('address in use')) } };
  await runProcess(plan(host, createParts(events, failing)), host.hooks);
  expect(events).toEqual(['start store', 'start log', 'stop log', 'stop store']);
  expect(host.exits).toEqual([1]);
  expect(host.printed).toEqual(['Could not start (api): address in use']);
  expect(host.logs).toContainEqual(expect.objectContaining({ event: 'process.start_failed', part: 'api' }));
});

test('a wrong configuration is told in plain words without a stack', async () => {
  const host = createProcess();
  await runProcess(() => {
    throw new ConfigError(['PORT="x": must be a whole number']);
  }, host.hooks);
  expect(host.exits).toEqual([1]);
  expect(host.printed).toEqual(['The configuration has 1 problem(s):\n  - PORT="x": must be a whole number']);
});

test('a stop that fails keeps no other part from its own; the errors are joined and the exit code is 1', async () => {
  const host = createProcess();
  const events: string[] = [];
  const failing = {
    api: { stop: () => Promise.reject(new Error('socket stuck')) },
    store: { stop: () => Promise.reject(new Error('pool broken')) },
  };
  await runProcess(
    plan(host, createParts(events, failing), {
      onStarted: () => {
        host.signal('SIGINT');
      },
    }),
    host.hooks,
  );
  expect(events).toContain('stop log');
  expect(host.exits).toEqual([1]);
  const line = host.logs.find((entry) => entry['event'] === 'process.stop_failed');
  expect(JSON.stringify(line)).toMatch(/api: socket stuck; store: pool broken/);
});

test('a stop that hangs is given up after the deadline, and the rest still stops with the time that is left', async () => {
  const host = createProcess();
  const clock = createTestClock();
  const given: [string, number][] = [];
  const timed = (name: string, stop: () => Promise<unknown>): Partial<ProcessPart> => ({
    stop: (deadlineMs) => {
      given.push([name, deadlineMs]);
      return stop();
    },
  });
  const parts = createParts([], {
    api: timed('api', () => {
      clock.advance(2000);
      return Promise.resolve();
    }),
    log: timed('log', () => {
      queueMicrotask(() => {
        clock.advance(60_000);
      });
      return new Promise(() => undefined);
    }),
    store: timed('store', () => Promise.resolve()),
  });
  await runProcess(
    plan(host, parts, {
      clock,
      onStarted: () => {
        host.signal('SIGTERM');
      },
    }),
    host.hooks,
  );
  expect(given).toEqual([
    ['api', 5000],
    ['log', 3000],
    ['store', 0],
  ]);
  expect(host.exits).toEqual([1]);
  expect(JSON.stringify(host.logs)).toContain('log: did not stop within 5000 ms');
});

test('a signal a second after the first ends the process at once; those before it are the same request', async () => {
  const host = createProcess();
  const clock = createTestClock();
  let finish = (): void => undefined;
  const slow = { api: { stop: () => new Promise<void>((resolve) => (finish = resolve)) } };
  const done = runProcess(
    plan(host, createParts([], slow), {
      clock,
      onStarted: () => {
        host.signal('SIGINT');
      },
    }),
    host.hooks,
  );
  await new Promise((resolve) => setImmediate(resolve));
  host.signal('SIGINT');
  clock.advance(999);
  host.signal('SIGTERM');
  expect(host.exits).toEqual([]);
  clock.advance(1);
  host.signal('SIGINT');
  expect(host.exits).toEqual([1]);
  expect(host.logs.map((entry) => entry['event'])).toEqual(['process.stopping', 'process.killed']);
  finish();
  await done;
});

test('a signal during the start stops what was started, and starts nothing more', async () => {
  const host = createProcess();
  const events: string[] = [];
  let started = false;
  const interrupted = {
    log: {
      start: () => {
        events.push('start log');
        host.signal('SIGTERM');
        return Promise.resolve();
      },
    },
  };
  await runProcess(
    plan(host, createParts(events, interrupted), {
      onStarted: () => {
        started = true;
      },
    }),
    host.hooks,
  );
  expect(events).toEqual(['start store', 'start log', 'stop log', 'stop store']);
  expect([host.exits, started]).toEqual([[0], false]);
});

test('an uncaught exception is logged and ends the process with 1', async () => {
  const host = createProcess();
  void runProcess(plan(host, createParts([])), host.hooks);
  await new Promise((resolve) => setImmediate(resolve));
  host.fault(new Error('out of nowhere'));
  expect(host.exits).toEqual([1]);
  expect(JSON.stringify(host.logs)).toMatch(/process\.fault.*out of nowhere/);
});

test('an uncaught exception before there is a logger is still told', async () => {
  const host = createProcess();
  void runProcess(() => new Promise<never>(() => undefined), host.hooks);
  await new Promise((resolve) => setImmediate(resolve));
  host.fault(new Error('early'));
  expect([host.exits, host.printed]).toEqual([[1], ['early']]);
});

test('a start that waits hears of a stop; the parts before it are stopped and the exit code is 0', async () => {
  const host = createProcess();
  const events: string[] = [];
  const parts = createParts(events, {
    log: {
      start: (told) =>
        new Promise((_, reject) => {
          told.addEventListener('abort', () => {
            reject(new Error('told to stop'));
          });
          host.signal('SIGTERM');
        }),
    },
  });
  await runProcess(plan(host, parts), host.hooks);
  expect(events).toEqual(['start store', 'stop store']);
  expect(host.exits).toEqual([0]);
  expect(host.printed).toEqual([]);
});

test('a process whose work is done once its parts have started ends by itself', async () => {
  const host = createProcess();
  const events: string[] = [];
  await runProcess(plan(host, createParts(events), { endsWhenStarted: true }), host.hooks);
  expect(events).toEqual(ALL);
  expect(host.exits).toEqual([0]);
});
