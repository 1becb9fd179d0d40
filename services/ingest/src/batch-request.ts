import { eventTypeSchema, tenantIdSchema } from '@milena/domain';
import { HttpProblem, fieldErrors, type FieldError } from '@milena/http';
import { z } from 'zod';
import { memberTexts } from './batch-items.ts';
import { parseJsonBody } from './json-body.ts';
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE } from './request-headers.ts';

export const MAX_BATCH_ITEMS = 1000;
/** Errors listed at most; the first hundred show what is wrong. */
const MAX_ERRORS = 100;

const batchSchema = z
  .array(
    z.strictObject({
      tenant_id: tenantIdSchema.optional(),
      event_type: eventTypeSchema,
      payload: z.unknown(),
      idempotency_key: z.string().regex(IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE).optional(),
    }),
  )
  .min(1)
  .max(MAX_BATCH_ITEMS);

/** One event of a batch, its payload as it was written in the body. */
export interface BatchItem {
  tenant_id: string | null;
  event_type: string;
  idempotency_key: string | null;
  payload: Buffer;
}

function refuse(errors: readonly FieldError[]): HttpProblem {
  return new HttpProblem(
    422,
    'invalid-body',
    'The batch does not fit its schema; no event of it was accepted.',
    {
      errors: errors.slice(0, MAX_ERRORS),
    },
  );
}

/**
 * Reads a batch, as a whole or not at all.
 * @throws HttpProblem 400 when it is not JSON, 422 naming every field that is wrong, such as `[3].event_type`
 */
export function readBatch(body: Buffer, maxPayloadBytes: number): BatchItem[] {
  const checked = batchSchema.safeParse(parseJsonBody(body));
  if (!checked.success) throw refuse(fieldErrors(checked.error));

  const errors: FieldError[] = [];
  const items: BatchItem[] = [];
  const payloads = memberTexts(body, 'payload');
  for (const [i, item] of checked.data.entries()) {
    const payload = payloads[i] ?? null;
    const path = `[${i}].payload`;
    if (payload === null) {
      errors.push({ path, message: 'is missing' });
      continue;
    }
    if (payload.length > maxPayloadBytes) {
      errors.push({ path, message: `must not be larger than ${maxPayloadBytes} bytes` });
    }
    items.push({
      tenant_id: item.tenant_id ?? null,
      event_type: item.event_type,
      idempotency_key: item.idempotency_key ?? null,
      payload,
    });
  }
  if (errors.length > 0) throw refuse(errors);
  return items;
}
