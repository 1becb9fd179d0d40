import { readConfig, processHooks, runProcess } from '@milena/runtime';
import { planAllInOne } from './all-in-one.ts';
import { ALL_IN_ONE_SETTINGS } from './config.ts';

// Disk and name look-ups share libuv's threads; four of them would wait for each other.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

void runProcess(
  () =>
    planAllInOne(readConfig(process.env, ALL_IN_ONE_SETTINGS), (text) => {
      process.stdout.write(text);
    }),
  processHooks(process),
);
