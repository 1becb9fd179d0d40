export { runClickHouseProcess } from './clickhouse-process.ts';
export { startEmbeddedClickHouse, type EmbeddedClickHouse } from './clickhouse.ts';
export { startEmbeddedPostgres, type EmbeddedPostgres } from './postgres.ts';
