/** One configuration for every suite; `npx jest packages/log` runs one package. */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{packages,services}/*/test/**/*.test.ts', '<rootDir>/{e2e,bench}/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023' }, module: { type: 'commonjs' } }],
  },
  extensionsToTreatAsEsm: [],
  moduleFileExtensions: ['ts', 'cjs', 'js', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/', '<rootDir>/.cache/', '<rootDir>/.milena/'],
  testTimeout: 30_000,
  globalSetup: '<rootDir>/test-support/global-setup.mjs',
  globalTeardown: '<rootDir>/test-support/global-teardown.mjs',
};
