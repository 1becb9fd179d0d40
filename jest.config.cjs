/**
 * One configuration for every suite; `npx jest packages/log` runs one package.
 *
 * `*.stack.test.ts` need the real engines: they run when their addresses are in the environment (scripts/test.mjs sees
 * to that). `e2e/faults` stops engines that others would miss, so it has a run of its own: MILENA_FAULTS=1.
 */
const faults = process.env.MILENA_FAULTS === '1';

const swc = (options) => ['@swc/jest', { ...options, module: { type: 'commonjs' } }];

module.exports = {
  testEnvironment: 'node',
  testMatch: faults
    ? ['<rootDir>/e2e/faults/**/*.test.ts']
    : [
        '<rootDir>/{packages,services}/*/test/**/*.test.ts',
        '<rootDir>/{e2e,bench,load-tests}/test/**/*.test.ts',
      ],
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.KAFKA_BROKERS ? [] : ['\\.stack\\.test\\.ts$'])],
  transform: {
    '^.+\\.ts$': swc({ jsc: { target: 'es2023' } }),
    // It loads node:http by import(), which jest has for ES modules only.
    '/@opentelemetry/otlp-exporter-base/.+\\.js$': swc({ jsc: { target: 'es2022' } }),
  },
  transformIgnorePatterns: ['/node_modules/(?!@opentelemetry/otlp-exporter-base/)'],
  extensionsToTreatAsEsm: [],
  moduleFileExtensions: ['ts', 'cjs', 'js', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/', '<rootDir>/.cache/', '<rootDir>/.milena/'],
  testTimeout: 30_000,
  globalSetup: '<rootDir>/test-support/global-setup.mjs',
  globalTeardown: '<rootDir>/test-support/global-teardown.mjs',
};
