import { processHooks, runProcess } from '@milena/runtime';
import { planRecorder } from './process.ts';

void runProcess(() => planRecorder(process.env), processHooks(process));
