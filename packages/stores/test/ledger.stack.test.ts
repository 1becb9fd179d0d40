import { describeLedgerInTime } from './ledger-time.conformance.ts';
import { describeLedger } from './ledger.conformance.ts';
import type { LedgerServers } from './support/ledger.ts';

const servers: LedgerServers = () => ({
  clickhouse: {
    url: process.env['CLICKHOUSE_URL']!,
    user: process.env['CLICKHOUSE_USER']!,
    password: process.env['CLICKHOUSE_PASSWORD']!,
  },
  postgres: process.env['DATABASE_URL'],
});

describeLedger('servers', servers);
describeLedgerInTime('servers', servers);
