export * from './engines.ts';
export * from './process-plan.ts';
export type { ClickHouseConfig, PostgresConfig } from './settings.ts';
export * from './when-available.ts';
