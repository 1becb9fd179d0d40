import { EventEmitter } from 'node:events';
import { processHooks } from '../src/index.ts';

function createHost() {
  const host = new EventEmitter() as EventEmitter & { written: string[]; exits: number[] };
  host.written = [];
  host.exits = [];
  const asProcess = Object.assign(host, {
    exit: (code: number) => host.exits.push(code),
    stdout: new EventEmitter(),
    stderr: Object.assign(new EventEmitter(), { write: (text: string) => host.written.push(text) }),
  });
  return { host: asProcess, hooks: processHooks(asProcess as unknown as NodeJS.Process) };
}

test('SIGTERM, SIGINT and SIGHUP are heard, each as itself', () => {
  const { host, hooks } = createHost();
  const heard: string[] = [];
  hooks.onSignal((signal) => heard.push(signal));
  host.emit('SIGTERM', 'SIGTERM');
  host.emit('SIGINT', 'SIGINT');
  host.emit('SIGHUP', 'SIGHUP');
  expect(heard).toEqual(['SIGTERM', 'SIGINT', 'SIGHUP']);
});

test('uncaught exceptions and unhandled rejections are both faults', () => {
  const { host, hooks } = createHost();
  const heard: unknown[] = [];
  hooks.onFault((error, origin) => heard.push([error, origin]));
  host.emit('uncaughtException', 'a', 'uncaughtException');
  host.emit('unhandledRejection', 'b', Promise.resolve());
  expect(heard).toEqual([
    ['a', 'uncaughtException'],
    ['b', 'unhandledRejection'],
  ]);
});

test('exit and messages go to the process', () => {
  const { host, hooks } = createHost();
  hooks.printError('so it is');
  hooks.exit(3);
  expect([host.written, host.exits]).toEqual([['so it is\n'], [3]]);
});

test('what can no longer be printed ends nothing', () => {
  const { host } = createHost();
  for (const stream of [host.stdout, host.stderr])
    expect(() => stream.emit('error', new Error('EIO'))).not.toThrow();
});
