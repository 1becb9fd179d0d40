import { SETTINGS } from '@milena/settings';

/** The variables that a process of its own reads. */
export const DEMO_RECEIVER_SETTINGS = {
  HOST: SETTINGS.HOST,
  DEMO_RECEIVER_PORT: SETTINGS.DEMO_RECEIVER_PORT,
  DRAIN_TIMEOUT_MS: SETTINGS.DRAIN_TIMEOUT_MS,
  LOG_LEVEL: SETTINGS.LOG_LEVEL,
} as const;
