export * from './openapi.ts';
export {};
export * from './all-in-one.ts';
