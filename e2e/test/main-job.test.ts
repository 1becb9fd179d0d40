import { mainJob } from '../src/main-job.ts';
import { allInOne } from '../src/system.ts';

mainJob('all in one', allInOne);
