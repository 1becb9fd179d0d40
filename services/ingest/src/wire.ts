import type { ConfigOf } from '@milena/runtime';
import { createIdempotencyStore, type Postgres } from '@milena/stores/postgres';
import type { INGEST_SETTINGS } from './config.ts';
import { createIngestService, type IngestDeps, type IngestService } from './service.ts';

/** The service over open engines: the same in a process of its own and in the all-in-one. */
export function wireIngest(
  parts: Omit<IngestDeps, 'idempotency' | 'config'> & { pg: Postgres },
  config: Pick<ConfigOf<typeof INGEST_SETTINGS>, 'MAX_PAYLOAD_BYTES'>,
): IngestService {
  return createIngestService({
    ...parts,
    idempotency: createIdempotencyStore(parts),
    config: { maxPayloadBytes: config.MAX_PAYLOAD_BYTES },
  });
}
