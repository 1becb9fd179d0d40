import Router from '@koa/router';
import type { Context, RequestState } from './context.ts';
import { createDirectPaths } from './direct-paths.ts';
import { HttpProblem } from './problem.ts';
import type { Route } from './route.ts';
import { serveRoute, type RouteDeps } from './serve-route.ts';

/** Answers a GET through koa's own body: pages outside the API, not in the document, open to everybody. */
export type Page = (ctx: Context) => void;

interface RequestRouter {
  /** Dispatches to routes and pages; a path of its own beats one with parameters. */
  dispatch(ctx: Context): Promise<void>;
  /** What takes such a request and answers it on Node's own response, when that is clear without a dispatch. */
  direct(method: string, url: string): ((ctx: Context) => Promise<void>) | null;
}

export function createRouter(
  routes: readonly Route[],
  pages: Readonly<Record<string, Page>>,
  deps: RouteDeps,
): RequestRouter {
  const endpoints = routes.flatMap((route) => {
    const serve = serveRoute(route, deps);
    return [route.path, ...(route.aliases ?? [])].map((path) => ({
      method: route.method.toUpperCase(),
      path,
      target: serve,
      raw: route.body?.kind === 'raw',
    }));
  });
  const router = new Router<RequestState>({ sensitive: true, exclusive: 'specificity' });
  for (const { method, path, target } of endpoints) {
    router.register(path.replaceAll(/\{(\w+)\}/g, ':$1'), [method], (ctx) => target(ctx, ctx.params));
  }
  for (const [path, page] of Object.entries(pages)) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      ctx.set('x-request-id', ctx.state.requestId);
      page(ctx);
    });
  }
  const dispatch = router.routes();
  const findDirect = createDirectPaths(
    endpoints.filter(({ raw }) => raw),
    endpoints,
  );
  return {
    dispatch: async (ctx) => {
      await dispatch(ctx as never, () => Promise.resolve(refuse(ctx)));
    },
    direct: (method, url) => {
      const found = findDirect(method, url);
      return found && ((ctx) => found.target(ctx, found.params));
    },
  };
}

function refuse(ctx: Context): never {
  const matched = (ctx['matched'] ?? []) as readonly { methods: readonly string[] }[];
  const allow = [...new Set(matched.flatMap((layer) => layer.methods))].sort();
  if (allow.length === 0) throw new HttpProblem(404, 'not-found', 'There is nothing at this path.');
  throw new HttpProblem(405, 'method-not-allowed', `This path takes ${allow.join(', ')} only.`, {
    headers: { allow: allow.join(', ') },
  });
}
