import type { ConfigOf } from '@milena/runtime';
import { pickSettings, SETTINGS } from '@milena/settings';

/** The variables that the all-in-one reads. Loopback targets are allowed, so that the demo receiver can be one. */
export const ALL_IN_ONE_SETTINGS = {
  ...pickSettings(
    'HOST',
    'PORT',
    'ADMIN_PORT',
    'DATA_DIR',
    'DEMO_RECEIVER_PORT',
    'API_KEY',
    'SECRETS_KEY',
    'SECRETS_KEY_PREVIOUS',
    'RETRY_DELAYS',
    'DELIVERY_TIMEOUT_MS',
    'DELIVERY_MAX_AGE',
    'WORKER_CONCURRENCY',
    'DRAIN_TIMEOUT_MS',
    'DISABLE_AFTER',
    'LOG_RETENTION_HOURS',
    'DEAD_LETTER_RETENTION_DAYS',
    'MAX_PAYLOAD_BYTES',
    'KAFKA_PARTITIONS',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_TRACES_SAMPLER_ARG',
    'OPERATOR_WEBHOOK_URL',
    'OPERATOR_WEBHOOK_SECRET',
  ),
  ALLOWED_PRIVATE_TARGETS: { ...SETTINGS.ALLOWED_PRIVATE_TARGETS, fallback: '127.0.0.0/8,::1/128' },
  LOG_LEVEL: { ...SETTINGS.LOG_LEVEL, fallback: 'warn' },
} as const;

export type AllInOneConfig = ConfigOf<typeof ALL_IN_ONE_SETTINGS>;
