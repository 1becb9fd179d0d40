import { operatorEvents } from '../src/operator-events.ts';
import { distributed } from '../src/system.ts';

operatorEvents('distributed', distributed);
