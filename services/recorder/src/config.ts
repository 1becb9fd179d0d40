import {
  CLICKHOUSE_SETTINGS,
  KAFKA_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
} from '@milena/standalone/settings';

/** The variables that a process of this service reads. */
export const RECORDER_SETTINGS = {
  ...PROCESS_SETTINGS,
  ...KAFKA_SETTINGS,
  ...POSTGRES_SETTINGS,
  ...CLICKHOUSE_SETTINGS,
} as const;
