import { story } from '../src/story.ts';
import { allInOne } from '../src/system.ts';

story('all-in-one', allInOne);
