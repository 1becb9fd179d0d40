export * from './demo-receiver.ts';
export type { Counts, Received } from './received.ts';
