import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { HttpProblem, unavailable } from './problem.ts';
import type { RouteReply } from './route.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** What every refusal looks like (RFC 9457), with `errors` and `request_id` as extensions. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: 'urn:milena:problem:<slug>', examples: ['urn:milena:problem:not-found'] }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    errors: z
      .array(
        z.object({
          path: z.string().meta({ description: 'Where, for example event_types[2]; empty = the whole.' }),
          message: z.string(),
        }),
      )
      .optional(),
    request_id: z.string().meta({ description: 'Also in the log, and in the header x-request-id.' }),
  })
  .meta({ id: 'Problem', description: 'A refusal as RFC 9457 problem details.' });

/**
 * The answer to anything that was thrown. Errors of the ports are known by their names, as this package imports none
 * of them; what is not known becomes a bare 500.
 */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const name = error instanceof Error ? error.name : '';
  if (name === 'StoreUnavailableError' || name === 'LogUnavailableError') {
    return unavailable('A part that this needs is not available now: try again.');
  }
  if (name === 'BadCursorError') {
    return new HttpProblem(400, 'invalid-query', 'The query parameters are not valid.', {
      errors: [{ path: 'cursor', message: 'This is not a cursor that was given out for this list.' }],
    });
  }
  return new HttpProblem(500, 'internal', 'Something went wrong here; the request id finds it in the log.');
}

/** The members that RFC 9457 defines; also how the refusal of one item among many is told. */
export function problemDetails(
  problem: HttpProblem,
): Pick<z.infer<typeof problemSchema>, 'type' | 'title' | 'status' | 'detail'> {
  return {
    type: `urn:milena:problem:${problem.slug}`,
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.detail,
  };
}

/** The problem as it goes over the wire. */
export function problemReply(problem: HttpProblem, requestId: string): RouteReply {
  const body: z.infer<typeof problemSchema> = {
    ...problemDetails(problem),
    ...(problem.errors.length > 0 && { errors: [...problem.errors] }),
    request_id: requestId,
  };
  return { status: problem.status, headers: { ...problem.headers, 'content-type': PROBLEM_TYPE }, body };
}
