export * from './demo-receiver.ts';
export type { Capture, Counts, Received } from './received.ts';
