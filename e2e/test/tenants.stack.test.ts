import { distributed } from '../src/system.ts';
import { tenants } from '../src/tenants.ts';

tenants('distributed', distributed);
