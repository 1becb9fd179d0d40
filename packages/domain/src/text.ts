import { z } from 'zod';

/**
 * Free text that every store gives back as it was: Postgres has no U+0000 in text or jsonb, and a lone surrogate has no
 * UTF-8 form.
 */
export function textSchema(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine(
      (text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text),
      'must not hold U+0000 or half a surrogate pair',
    );
}
