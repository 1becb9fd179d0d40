// Bundles the service in the current directory: its own code and the packages of this repository into dist/*.cjs,
// everything from npm left to node_modules.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import { build } from 'esbuild';

const HERE = process.cwd();

const npmStaysOutside = {
  name: 'npm-stays-outside',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, async (args) => {
      if (args.kind === 'entry-point' || args.path.startsWith('@milena/') || args.pluginData === 'asked')
        return;
      if (isBuiltin(args.path)) return { external: true };
      // The bundle will look from here. Where that finds another version than the package that imports it (npm nests
      // versions that differ), the right one goes into the bundle.
      const options = { kind: args.kind, pluginData: 'asked' };
      const meant = await builder.resolve(args.path, { ...options, resolveDir: args.resolveDir });
      const found = await builder.resolve(args.path, { ...options, resolveDir: HERE });
      if (meant.errors.length > 0) return { errors: meant.errors };
      return meant.path === found.path ? { external: true } : meant;
    });
  },
};

// main.ts, and what main.ts runs as a process or a thread of its own.
const entries = readdirSync('src').filter((file) => /^main\.ts$|-(process|thread)\.ts$/.test(file));

await build({
  entryPoints: entries.map((file) => path.join('src', file)),
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [npmStaysOutside],
});

// A mapping where another source line begins is enough to name the lines of a stack. The rest is three quarters of what a
// process reads and keeps in memory from its first error on.
for (const file of readdirSync('dist').filter((name) => name.endsWith('.cjs.map'))) {
  const place = path.join('dist', file);
  const { mappings, ...map } = JSON.parse(readFileSync(place, 'utf8'));
  const lines = decode(mappings).map((segments) =>
    segments
      .filter((segment) => segment.length > 1)
      .filter(([, source, line], n, all) => source !== all[n - 1]?.[1] || line !== all[n - 1]?.[2])
      .map((segment) => segment.slice(0, 4)),
  );
  writeFileSync(place, JSON.stringify({ ...map, names: [], mappings: encode(lines) }));
}
