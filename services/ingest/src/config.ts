import { SETTINGS } from '@milena/settings';
import {
  API_SETTINGS,
  DIRECTORY_SETTINGS,
  KAFKA_SETTINGS,
  PROCESS_SETTINGS,
  TRACING_SETTINGS,
} from '@milena/standalone/settings';

/** The variables that a process of this service reads. */
export const INGEST_SETTINGS = {
  ...PROCESS_SETTINGS,
  ...API_SETTINGS,
  ...KAFKA_SETTINGS,
  ...DIRECTORY_SETTINGS,
  ...TRACING_SETTINGS,
  PORT: { ...SETTINGS.PORT, fallback: '8081' },
  MAX_PAYLOAD_BYTES: SETTINGS.MAX_PAYLOAD_BYTES,
} as const;
