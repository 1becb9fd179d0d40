export * from './held-ports.ts';
export * from './ports.ts';
