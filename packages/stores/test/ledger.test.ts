import { describeLedgerInTime } from './ledger-time.conformance.ts';
import { describeLedger } from './ledger.conformance.ts';
import type { LedgerServers } from './support/ledger.ts';

const embedded: LedgerServers = () => ({
  clickhouse: { url: process.env['TEST_CLICKHOUSE_URL']! },
  postgres: process.env['TEST_DATABASE_URL'],
});

describeLedger('the embedded engines', embedded);
describeLedgerInTime('the embedded engines', embedded);
