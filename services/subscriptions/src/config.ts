import { pickSettings } from '@milena/settings';
import {
  API_SETTINGS,
  CLICKHOUSE_SETTINGS,
  DIRECTORY_SETTINGS,
  KAFKA_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
} from '@milena/standalone/settings';

/** The variables that a process of this service reads. */
export const SUBSCRIPTIONS_SETTINGS = {
  ...PROCESS_SETTINGS,
  ...API_SETTINGS,
  ...KAFKA_SETTINGS,
  ...DIRECTORY_SETTINGS,
  ...CLICKHOUSE_SETTINGS,
  ...pickSettings(
    'LOG_RETENTION_HOURS',
    'DEAD_LETTER_RETENTION_DAYS',
    'DELIVERY_MAX_AGE',
    'ALLOWED_PRIVATE_TARGETS',
    'OPERATOR_WEBHOOK_URL',
    'OPERATOR_WEBHOOK_SECRET',
  ),
} as const;

/** Of `main.cjs migrate`. */
export const MIGRATION_SETTINGS = {
  ...POSTGRES_SETTINGS,
  ...CLICKHOUSE_SETTINGS,
  ...pickSettings('LOG_RETENTION_HOURS', 'LOG_LEVEL'),
} as const;
