import { messageLogConformance } from './conformance.ts';
import { lmdbHooks } from './lmdb-hooks.ts';

messageLogConformance('LMDB', lmdbHooks);
