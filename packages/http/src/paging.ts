import { idSchema } from '@milena/domain';
import { z } from 'zod';

export const DEFAULT_LIMIT = 20;
export const LARGEST_LIMIT = 100;

/** `?limit=` and `?cursor=` of every list; extend it with the list's own filters. */
export const pageQuery = z.strictObject({
  limit: z.coerce
    .number('must be a whole number from 1 to 100')
    .int()
    .min(1)
    .max(LARGEST_LIMIT)
    .default(DEFAULT_LIMIT)
    .meta({ description: 'Entries on a page.' }),
  cursor: z
    .string()
    .min(1)
    .max(1000)
    .nullable()
    .default(null)
    .meta({ description: 'The next_cursor of the page before; opaque.' }),
});

/** A page of a list: `{ data, next_cursor }`. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'null: there is no more.' }),
  });
}

/** Path parameter `{id}`. A malformed one is answered 404. */
export const idParam = z.object({ id: idSchema });
