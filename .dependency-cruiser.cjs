/** The laws of the house about who may import whom. */
module.exports = {
  forbidden: [
    {
      name: 'domain-is-pure',
      comment: 'domain imports zod and node:crypto only',
      severity: 'error',
      from: { path: '^packages/domain/src' },
      to: { pathNot: '(^packages/domain/src|node_modules/zod|^crypto$|^node:crypto$)' },
    },
    {
      name: 'runtime-knows-nothing-of-webhooks',
      severity: 'error',
      from: { path: '^packages/runtime/src' },
      to: { path: '^(packages/(?!runtime)|services)' },
    },
    {
      name: 'packages-never-import-services',
      severity: 'error',
      from: { path: '^packages' },
      to: { path: '^services' },
    },
    {
      name: 'services-never-import-each-other',
      severity: 'error',
      from: { path: '^services/([^/]+)', pathNot: '^services/all-in-one' },
      to: { path: '^services/', pathNot: '^services/$1' },
    },
    {
      name: 'embedded-parts-only-in-all-in-one',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src', pathNot: '^(services/all-in-one|packages/embedded)' },
      to: { path: '^packages/embedded' },
    },
    {
      name: 'tests-help-tests-only',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src', pathNot: '^packages/testing' },
      to: { path: '^packages/testing' },
    },
    {
      name: 'opentelemetry-has-one-home',
      severity: 'error',
      from: { path: '^(packages|services|e2e|bench|load-tests)', pathNot: '^packages/tracing' },
      to: { path: 'node_modules/@opentelemetry' },
    },
    {
      name: 'opentelemetry-is-loaded-when-asked-for',
      comment: 'whoever does not trace pays nothing, neither memory nor time at start',
      severity: 'error',
      from: { path: '^packages/tracing/src/index' },
      to: { path: '(^packages/tracing/src/(?!index|tracing)|node_modules)', dynamic: false },
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: '(\\.d\\.ts$|main\\.ts$|\\.(c|m)js$)' },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
