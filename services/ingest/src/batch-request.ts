import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventTypeSchema, tenantIdSchema } from '@milena/domain';
import { HttpProblem, checkUtf8, fieldErrors, parseJsonBody, type FieldError } from '@milena/http';
import { z } from 'zod';
import { arrayParts, isArrayLike, memberText, type ArrayPart } from './batch-items.ts';
import { brokenAround, parseElement } from './json-body.ts';
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE } from './request-headers.ts';

export const MAX_BATCH_ITEMS = 1000;
/** Errors listed at most; the first hundred show what is wrong. */
const MAX_ERRORS = 100;

/** Room around a largest payload: for the other fields, and for white space. */
export const ENVELOPE_BYTES = 64 * 1024;
/** How long elements are read before other requests get their turn, ms. */
const TURN_MS = 5;

const itemSchema = z.strictObject({
  tenant_id: tenantIdSchema.optional(),
  event_type: eventTypeSchema,
  payload: z.unknown(),
  idempotency_key: z.string().regex(IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE).optional(),
});
const lengthSchema = z.array(z.unknown()).min(1).max(MAX_BATCH_ITEMS);

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

function tooLarge(maxPayloadBytes: number): FieldError {
  return { path: 'payload', message: `must not be larger than ${maxPayloadBytes} bytes` };
}

/** Refuses a number of events that is too small or too large, in the words of the schema. */
function checkCount(count: number): void {
  const checked = lengthSchema.safeParse(Array.from({ length: count }));
  if (!checked.success) throw refuse(fieldErrors(checked.error));
}

/** The refusal of what is no array. What it is instead is not worth parsing megabytes. */
function refuseOther(body: Buffer, limit: number): HttpProblem {
  if (body.length > limit) return refuse([{ path: '', message: 'Invalid input: expected array' }]);
  const checked = lengthSchema.safeParse(parseJsonBody(body));
  return refuse(checked.error ? fieldErrors(checked.error) : []);
}

/** The last turn that was asked for. Batches queue up: of many that are read at once only one works in each turn. */
let lastTurn = Promise.resolve();

/** Resolves at once, and after a few milliseconds of work when others had their turn. */
function createPause(): () => Promise<void> {
  let turnEnds = performance.now() + TURN_MS;
  return async () => {
    if (performance.now() < turnEnds) return;
    lastTurn = lastTurn.then(() => nextTurn());
    await lastTurn;
    turnEnds = performance.now() + TURN_MS;
  };
}

/** Where the events lie in the body. Of more than are allowed none is parsed, nor is the rest of the body looked at. */
async function findParts(body: Buffer, limit: number, pause: () => Promise<void>): Promise<ArrayPart[]> {
  const parts: ArrayPart[] = [];
  for (const part of arrayParts(body, limit)) {
    parts.push(part);
    if (part.kind !== 'broken' && parts.length > MAX_BATCH_ITEMS) break;
    await pause();
  }
  if (parts.at(-1)?.kind !== 'broken') checkCount(parts.length);
  return parts;
}

/** An error of an event as one of the batch. */
function below(i: number, { path, message }: FieldError): FieldError {
  return { path: path === '' ? `[${i}]` : `[${i}].${path}`, message };
}

/** One event, or what is wrong with it. */
function readItem(text: Buffer, value: unknown, maxPayloadBytes: number): BatchItem | FieldError[] {
  const checked = itemSchema.safeParse(value);
  if (!checked.success) return fieldErrors(checked.error);
  const payload = memberText(text, 'payload');
  if (payload === null) return [{ path: 'payload', message: 'is missing' }];
  if (payload.length > maxPayloadBytes) return [tooLarge(maxPayloadBytes)];
  const { tenant_id = null, event_type, idempotency_key = null } = checked.data;
  return { tenant_id, event_type, idempotency_key, payload };
}

/**
 * Reads a batch, as a whole or not at all. The events are found first and parsed one by one, so that neither the size
 * of a body nor what it is made of holds the event loop or fills the memory.
 * @throws HttpProblem 400 when it is not JSON, 422 naming every field that is wrong, such as `[3].event_type`
 */
export async function readBatch(body: Buffer, maxPayloadBytes: number): Promise<BatchItem[]> {
  checkUtf8(body);
  const limit = maxPayloadBytes + ENVELOPE_BYTES;
  if (!isArrayLike(body)) throw refuseOther(body, limit);
  const pause = createPause();
  const errors: FieldError[] = [];
  const items: BatchItem[] = [];
  for (const [i, part] of (await findParts(body, limit, pause)).entries()) {
    if (part.kind === 'broken') throw brokenAround(body, part, i - 1);
    const found =
      part.kind === 'large'
        ? [tooLarge(maxPayloadBytes)]
        : readItem(body.subarray(part.start, part.end), parseElement(body, part, i), maxPayloadBytes);
    if (Array.isArray(found)) for (const error of found.slice(0, MAX_ERRORS)) errors.push(below(i, error));
    else items.push(found);
    if (errors.length >= MAX_ERRORS) break;
    await pause();
  }
  if (errors.length > 0) throw refuse(errors);
  return items;
}
