import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Middleware } from 'koa';
import { koaSwagger } from 'koa2-swagger-ui';
import absolutePath from 'swagger-ui-dist/absolute-path.js';
import type { Context } from './context.ts';

/** Names as koa2-swagger-ui asks for them, and the files of swagger-ui-dist that they are. */
const ASSETS: Readonly<Record<string, readonly [file: string, type: string]>> = {
  'swagger-ui.min.css': ['swagger-ui.css', 'text/css'],
  'swagger-ui-bundle.js': ['swagger-ui-bundle.js', 'text/javascript'],
  'swagger-ui-standalone-preset.js': ['swagger-ui-standalone-preset.js', 'text/javascript'],
  'favicon.png': ['favicon-32x32.png', 'image/png'],
};

/** The page starts its scripts inline and draws icons from data URLs; nothing comes from elsewhere. */
const POLICY =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

/** The template asks for web fonts; without a network that delays the page, and system fonts do. */
const FOREIGN_STYLES = /<link href="https?:[^>]*>/g;

/** Swagger UI by path; every file of it comes from this server, so that it works without a network. */
export function docsUi(options: {
  title: string;
  documentUrl: string;
}): Record<string, (ctx: Context) => void> {
  const render = koaSwagger({
    title: options.title,
    routePrefix: false,
    swaggerCdnUrl: '/docs',
    swaggerVersion: 'assets',
    favicon: '/docs/assets/favicon.png',
    hideTopbar: true,
    swaggerOptions: { url: options.documentUrl, validatorUrl: null, docExpansion: 'list' },
  }) as unknown as (ctx: Context, next: () => Promise<void>) => ReturnType<Middleware>;

  const pages: Record<string, (ctx: Context) => void> = {
    '/docs': (ctx) => {
      render(ctx, () => Promise.resolve());
      ctx.body = String(ctx.body).replaceAll(FOREIGN_STYLES, '');
      ctx.set('content-security-policy', POLICY);
    },
  };
  for (const [name, [file, type]] of Object.entries(ASSETS)) {
    pages[`/docs/assets/${name}`] = (ctx) => {
      ctx.type = type;
      ctx.set('cache-control', 'public, max-age=86400');
      ctx.body = createReadStream(join(absolutePath(), file));
    };
  }
  return pages;
}
