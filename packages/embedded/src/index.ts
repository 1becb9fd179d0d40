export { startEmbeddedClickHouse, type EmbeddedClickHouse } from './chdb.ts';
export { startEmbeddedPostgres, type EmbeddedPostgres } from './postgres.ts';
