/** Collects conditions of a WHERE clause together with the parameters they bind. */
export function createConditions() {
  const texts: string[] = [];
  const params: Record<string, unknown> = {};
  return {
    texts: texts as readonly string[],
    /** Adds `text` when there is a value; `text` names it as `{name:Type}`. */
    add: (text: string, values: Record<string, unknown>): void => {
      if (Object.values(values).some((value) => value === undefined)) return;
      texts.push(text);
      Object.assign(params, values);
    },
    where: () => (texts.length === 0 ? '' : `WHERE ${texts.join(' AND ')}`),
    params,
  };
}

/** The parameter `name`, ms since the epoch, as a time of the database. */
export const msParam = (name: string) => `fromUnixTimestamp64Milli({${name}:Int64})`;

/** Before the keyset position `prefix_at`, `prefix_id` in a list that runs newest first. The first half prunes, the second decides. */
export const beforePosition = (at: string, id: string, prefix: string) =>
  `${at} <= ${msParam(`${prefix}_at`)} AND (${at}, ${id}) < (${msParam(`${prefix}_at`)}, {${prefix}_id:UUID})`;

export const isUuid = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
