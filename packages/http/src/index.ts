export * from './api-server.ts';
export * from './auth.ts';
export * from './json-position.ts';
export * from './paging.ts';
export * from './problem.ts';
export * from './route.ts';
