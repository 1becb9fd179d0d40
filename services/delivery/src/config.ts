import { pickSettings } from '@milena/settings';
import {
  DIRECTORY_SETTINGS,
  KAFKA_SETTINGS,
  PROCESS_SETTINGS,
  TRACING_SETTINGS,
} from '@milena/standalone/settings';

/** The variables that a process of this service reads. */
export const DELIVERY_SETTINGS = {
  ...PROCESS_SETTINGS,
  ...KAFKA_SETTINGS,
  ...DIRECTORY_SETTINGS,
  ...TRACING_SETTINGS,
  ...pickSettings(
    'DELIVERY_TIMEOUT_MS',
    'DELIVERY_MAX_AGE',
    'WORKER_CONCURRENCY',
    'DISABLE_AFTER',
    'ALLOWED_PRIVATE_TARGETS',
    'OPERATOR_WEBHOOK_URL',
  ),
} as const;
