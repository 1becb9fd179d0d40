export { openClickHouse, type ClickHouse, type ClickHouseOptions } from './client.ts';
export { migrateClickHouse } from './migrate.ts';
export { createHistoryWriter } from './history-writer.ts';
export { createDeliveryHistory } from './delivery-history.ts';
export { createAttemptReader } from './attempt-reader.ts';
export { createEventSource } from './event-source.ts';
export { createStatsReader } from './stats-reader.ts';
export { countSilentDeliveries } from './silent-deliveries.ts';
export { createLedgerHistory } from './ledger-history.ts';
