/** As in the Dockerfile, which says why. */
export const NODE_FLAGS = [
  '--enable-source-maps',
  '--no-parallel-scavenge',
  '--no-allocation-site-pretenuring',
  '--min-semi-space-size=32',
  '--max-semi-space-size=32',
  '--heap-growing-percent=100',
  '--v8-pool-size=1',
];
