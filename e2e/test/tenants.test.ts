import { allInOne } from '../src/system.ts';
import { tenants } from '../src/tenants.ts';

tenants('all in one', allInOne);
