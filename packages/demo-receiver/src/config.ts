import { pickSettings } from '@milena/settings';

/** The variables that a process of its own reads. */
export const DEMO_RECEIVER_SETTINGS = pickSettings(
  'HOST',
  'DEMO_RECEIVER_PORT',
  'DRAIN_TIMEOUT_MS',
  'LOG_LEVEL',
);
