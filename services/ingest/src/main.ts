import { processHooks, runProcess } from '@milena/runtime';
import { planIngest } from './process.ts';

void runProcess(() => planIngest(process.env), processHooks(process));
