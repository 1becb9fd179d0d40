import { createLogger, listening, processHooks, readConfig, runProcess, systemClock } from '@milena/runtime';
import { DEMO_RECEIVER_SETTINGS } from './config.ts';
import { createDemoReceiver } from './demo-receiver.ts';

void runProcess(() => {
  const config = readConfig(process.env, DEMO_RECEIVER_SETTINGS);
  const logger = createLogger({ service: 'demo-receiver', level: config.LOG_LEVEL });
  const receiver = createDemoReceiver({
    host: config.HOST,
    port: config.DEMO_RECEIVER_PORT,
    clock: systemClock,
    logger,
  });
  const start = async (): Promise<void> => {
    const { url } = await listening('DEMO_RECEIVER_PORT', receiver.start());
    logger.info({ event: 'process.started', receiver: url });
  };
  return {
    logger,
    drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
    parts: [{ name: 'demo receiver', start, stop: () => receiver.stop() }],
  };
}, processHooks(process));
