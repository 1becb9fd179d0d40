export * from './access-ports.ts';
export * from './ports.ts';
