import { readConfig, processHooks, runProcess } from '@milena/runtime';
import { planAllInOne } from './all-in-one.ts';
import { ALL_IN_ONE_SETTINGS } from './config.ts';

void runProcess(
  () =>
    planAllInOne(readConfig(process.env, ALL_IN_ONE_SETTINGS), (text) => {
      process.stdout.write(text);
    }),
  processHooks(process),
);
