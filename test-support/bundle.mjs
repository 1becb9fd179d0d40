import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Loads a TypeScript file of the workspace into plain Node, which can't run TypeScript before version 22. npm packages
 * are left to be required from the checkout.
 */
export async function loadTypeScript(path, name) {
  const directory = join(ROOT, 'node_modules', '.cache', 'milena');
  mkdirSync(directory, { recursive: true });
  // One file per process: two runs in one checkout must not read each other's half-written bundle.
  const outfile = join(directory, `${name}-${process.pid}.cjs`);
  await build({
    entryPoints: [join(ROOT, path)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
    plugins: [
      {
        name: 'npm-packages-stay-outside',
        setup: (plugin) => {
          plugin.onResolve({ filter: /^[^./]/ }, ({ path: imported }) =>
            imported.startsWith('@milena/') ? null : { path: imported, external: true },
          );
        },
      },
    ],
  });
  const loaded = await import(pathToFileURL(outfile).href);
  return { module: loaded.default ?? loaded, outfile };
}
