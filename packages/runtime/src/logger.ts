import { pino, type Logger } from 'pino';
import { createLogOutput } from './log-output.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that never reach a log, wherever a careless caller puts them. */
const REDACTED = [
  'authorization',
  'secret',
  'secrets',
  'api_key',
  'password',
  'headers.authorization',
  'headers["webhook-signature"]',
  'headers["x-hub-signature-256"]',
];

/**
 * JSON lines on stdout, or on `destination`. One wide line per unit of work: `logger.info({ event: 'delivery.attempted',
 * …every id… })`.
 */
export function createLogger(options: {
  service: string;
  level: LogLevel;
  destination?: { write(line: string): void };
}): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
  };
  // Not pino's own output: after an error other than EAGAIN or EPIPE it ends the process, or hangs in trying again for ever.
  return pino(settings, options.destination ?? createLogOutput(options.service));
}
