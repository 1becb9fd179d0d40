import type { z } from 'zod';
import { HttpProblem, notFound, type FieldError } from './problem.ts';

/** `['event_types', 2]` → `event_types[2]`, `['headers', 'x-shop']` → `headers.x-shop`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

/** One entry per wrong field; a field that is not known is named itself, not its parent. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          path: pathText([...issue.path, key]),
          message: 'This field is not known.',
        }))
      : [{ path: pathText(issue.path), message: issue.message }],
  );
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
  const errors = fieldErrors(result.error);
  throw new HttpProblem(400, 'invalid-query', 'The query parameters are not valid.', { errors });
}

/** @throws HttpProblem 422 naming every wrong field */
export function checkBody(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const detail = value === undefined ? 'A JSON body is required.' : 'The body does not fit its schema.';
  throw new HttpProblem(422, 'invalid-body', detail, { errors: fieldErrors(result.error) });
}
