export * from './api-server.ts';
export * from './auth.ts';
export * from './json-position.ts';
export * from './paging.ts';
export { problemDetails } from './problem-reply.ts';
export * from './problem.ts';
export * from './route.ts';
export { fieldErrors } from './validation.ts';
