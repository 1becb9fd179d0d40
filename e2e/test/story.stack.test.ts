import { story } from '../src/story.ts';
import { distributed } from '../src/system.ts';

story('distributed', distributed);
