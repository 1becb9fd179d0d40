export * from './message-log.ts';
export * from './topics.ts';
