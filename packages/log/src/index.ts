export * from './message-log.ts';
export * from './log-calls.ts';
export * from './topics.ts';
export * from './assignment.ts';
export * from './due-window.ts';
export * from './lag-reporter.ts';
export * from './offset-tracker.ts';
export * from './partitioner.ts';
