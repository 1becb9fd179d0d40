import type { ConfigOf } from '@milena/runtime';
import { createHistoryWriter, type ClickHouse } from '@milena/stores/clickhouse';
import { createDeadLetterStore, createHeldStore, type Postgres } from '@milena/stores/postgres';
import type { RECORDER_SETTINGS } from './config.ts';
import { createRecorderService, type RecorderDeps, type RecorderService } from './service.ts';

/** The service over open engines: the same in a process of its own and in the all-in-one. */
export function wireRecorder(
  parts: Pick<RecorderDeps, 'log' | 'clock' | 'logger' | 'metrics' | 'spacingMs'> & {
    pg: Postgres;
    clickhouse: ClickHouse;
  },
  config: Pick<ConfigOf<typeof RECORDER_SETTINGS>, 'DRAIN_TIMEOUT_MS'>,
): RecorderService {
  return createRecorderService({
    ...parts,
    history: createHistoryWriter(parts),
    deadLetters: createDeadLetterStore(parts),
    held: createHeldStore(parts),
    drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
  });
}
