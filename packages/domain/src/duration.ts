import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d{1,9})(ms|s|m|h|d)$/;

/** `10s`, `5m`, `72h` → milliseconds; null when it does not read like that. */
export function parseDuration(text: string): number | null {
  const match = PATTERN.exec(text);
  if (!match) return null;
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}

/** A duration text such as `30s`; stays text, because retry topics are named by it. */
export const durationSchema = z
  .string()
  .regex(PATTERN, 'must be a duration such as 10s, 5m or 72h')
  .meta({ example: '30s' });

/** One step of the retry ladder. */
export interface RetryDelay {
  /** As configured, for example `30s`; the retry topic carries it in its name. */
  text: string;
  ms: number;
}
