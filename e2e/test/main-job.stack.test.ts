import { mainJob } from '../src/main-job.ts';
import { distributed } from '../src/system.ts';

mainJob('distributed', distributed);
