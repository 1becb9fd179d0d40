import type { z } from 'zod';
import { HttpProblem, notFound, type FieldError } from './problem.ts';

/** `['event_types', 2]` → `event_types[2]`, `['headers', 'x-shop']` → `headers.x-shop`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

/** Errors listed at most: the first hundred show what is wrong, and a small request gets no answer of megabytes. */
const MAX_ERRORS = 100;

/** What an issue says; of a key that is refused, why it is. */
function messagesOf(issue: z.core.$ZodIssue): string[] {
  const reasons = issue.code === 'invalid_key' ? issue.issues.map((reason) => reason.message) : [];
  return reasons.length > 0 ? reasons : [issue.message];
}

/** One entry per wrong field; a field that is not known is named itself, not its parent. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          path: pathText([...issue.path, key]),
          message: 'This field is not known.',
        }))
      : messagesOf(issue).map((message) => ({ path: pathText(issue.path), message })),
  );
}

/** A refusal with the first of its errors, and the number of those that it leaves out. */
function refusal(status: number, slug: string, detail: string, error: z.ZodError): HttpProblem {
  const errors = fieldErrors(error);
  const more = errors.length - MAX_ERRORS;
  const are = more === 1 ? 'is 1 more error' : `are ${more} more errors`;
  const count = more > 0 ? ` There ${are} than those listed.` : '';
  return new HttpProblem(status, slug, detail + count, { errors: errors.slice(0, MAX_ERRORS) });
}

/** @throws HttpProblem 404: nothing can be at a malformed id */
export function checkParams(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (!result.success) throw notFound('resource');
  return result.data;
}

/** @throws HttpProblem 400 naming every wrong parameter */
export function checkQuery(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw refusal(400, 'invalid-query', 'The query parameters are not valid.', result.error);
}

/** @throws HttpProblem 422 naming every wrong field */
export function checkBody(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const detail = value === undefined ? 'A JSON body is required.' : 'The body does not fit its schema.';
  throw refusal(422, 'invalid-body', detail, result.error);
}
