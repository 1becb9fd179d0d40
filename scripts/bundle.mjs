// Bundles the service in the current directory: its own code and the packages of this repository into dist/*.cjs,
// everything from npm left to node_modules.
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const npmStaysOutside = {
  name: 'npm-stays-outside',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, (args) =>
      args.kind === 'entry-point' || args.path.startsWith('@milena/') ? undefined : { external: true },
    );
  },
};

await build({
  // main.ts, and what main.ts runs as a process of its own.
  entryPoints: readdirSync('src')
    .filter((f) => f === 'main.ts' || f.endsWith('-process.ts'))
    .map((f) => `src/${f}`),
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
