export * from './collector.ts';
export * from './api-keys.ts';
export * from './foreign-tenant.ts';
export * from './openapi.ts';
export * from './all-in-one.ts';
export * from './postgres.ts';
export * from './distributed.ts';
export * from './service-process.ts';
