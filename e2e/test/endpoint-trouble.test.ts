import { endpointTrouble } from '../src/endpoint-trouble.ts';
import { allInOne } from '../src/system.ts';

endpointTrouble('all in one', allInOne);
