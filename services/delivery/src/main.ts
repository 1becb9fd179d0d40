import { processHooks, runProcess } from '@milena/runtime';
import { planDelivery } from './process.ts';

// Name look-ups and TLS share libuv's threads; a slow name server must not hold up the others.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

void runProcess(() => planDelivery(process.env), processHooks(process));
