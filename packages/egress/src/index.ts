export type { ConnectDeps, TlsOptions } from './connect.ts';
export type { PostRequest } from './exchange.ts';
export * from './http-post.ts';
export type { Lookup } from './lookup-line.ts';
export { createSsrfGuard, type SsrfGuard, type Verdict } from './ssrf-guard.ts';
