import { endpointTrouble } from '../src/endpoint-trouble.ts';
import { distributed } from '../src/system.ts';

endpointTrouble('distributed', distributed);
