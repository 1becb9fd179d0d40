import { operatorEvents } from '../src/operator-events.ts';
import { allInOne } from '../src/system.ts';

operatorEvents('all-in-one', allInOne);
