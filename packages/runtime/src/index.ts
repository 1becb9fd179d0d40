export * from './clock.ts';
export * from './config.ts';
export * from './logger.ts';
export * from './metrics.ts';
export * from './ready.ts';
