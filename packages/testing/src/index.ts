export {};
export * from './all-in-one.ts';
