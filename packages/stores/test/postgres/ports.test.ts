import { portsOn } from './ports.ts';

portsOn('embedded Postgres', () => process.env['TEST_DATABASE_URL']);
