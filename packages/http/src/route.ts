import type { Scope } from '@milena/domain';
import type { Logger } from '@milena/runtime';
import type { z } from 'zod';

/** Who calls. `tenant_id` null = every tenant. */
export interface Principal {
  /** Shown in logs: a stored key's id, `api-key` for that of the configuration, `open` when nobody needs one. */
  name: string;
  scopes: readonly Scope[];
  tenant_id: string | null;
}

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/**
 * What a route demands of the caller. `optional`: a valid key is passed on, a missing one is not refused, a wrong one is
 * 401 (for routes with an authentication of their own). `open`: never looked at.
 */
export type Access = Scope | 'optional' | 'open';

/** The request as a handler sees it: validated, typed, nothing of koa. */
export interface RouteRequest<P, Q, B> {
  params: P;
  query: Q;
  body: B;
  /** Lower-case names. */
  headers: Readonly<Record<string, string | undefined>>;
  /** null only on `optional` and `open` routes. */
  principal: Principal | null;
  log: Logger;
  /** Aborted when the client went away before the answer was complete. */
  signal: AbortSignal;
}

export interface RouteReply {
  status: number;
  /** An object is sent as JSON, a Buffer or string as it is, an async iterable as a stream (server-sent events). */
  body?: unknown;
  headers?: Record<string, string>;
}

/** A reply as documented: its schema (null = no body), or another content type. */
export interface ReplySpec {
  description: string;
  schema: z.ZodType | null;
  content_type?: string;
  headers?: Record<string, { description: string }>;
}

/** A request body: JSON checked against a schema, or raw bytes that the handler takes as a Buffer. */
export type BodySpec<B> =
  | { kind: 'json'; schema: z.ZodType<B>; limit?: number }
  | { kind: 'raw'; content_types: readonly string[]; limit: number; description: string; example: unknown };

/**
 * A route is data: from it come the router's entry, the validation and the OpenAPI operation. Path parameters are
 * written `{id}`. Problems (400, 401, 403, 404, 409, 413, 415, 422, 429, 503) are listed by status only.
 */
export interface RouteSpec<P, Q, B> {
  method: Method;
  path: string;
  /** The same operation under further paths (not documented twice). */
  aliases?: readonly string[];
  operation_id: string;
  tag: string;
  summary: string;
  description?: string;
  access: Access;
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  /** Request headers, for the document only. */
  headers?: Record<string, { description: string; example?: string }>;
  body?: BodySpec<B>;
  replies: Record<number, ReplySpec>;
  problems: readonly number[];
  handler(request: RouteRequest<P, Q, B>): Promise<RouteReply>;
}

/** A route with its types forgotten, as routers and documents take it. */
export type Route = RouteSpec<never, never, never>;

/** Keeps the types between schemas and handler, then forgets them. */
export function route<P = undefined, Q = undefined, B = undefined>(spec: RouteSpec<P, Q, B>): Route {
  return spec as unknown as Route;
}
