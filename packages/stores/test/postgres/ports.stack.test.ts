import { portsOn } from './ports.ts';

portsOn('a Postgres server', () => process.env['DATABASE_URL']);
