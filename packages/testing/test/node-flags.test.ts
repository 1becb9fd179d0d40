import { readFileSync } from 'node:fs';
import path from 'node:path';
import { NODE_FLAGS } from '../src/service-process.ts';

/** What is measured and tested must run as what is shipped. */
test.each(['Dockerfile', 'scripts/node-flags.mjs'])('%s runs Node with the flags of the harness', (file) => {
  const text = readFileSync(path.resolve(__dirname, '../../..', file), 'utf8');
  const flags = [...text.matchAll(/["'](--[a-z0-9-]+(?:=\d+)?)["']/g)].map(([, flag]) => flag);
  expect(flags).toEqual(NODE_FLAGS);
});
