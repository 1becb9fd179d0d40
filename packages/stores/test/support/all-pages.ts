/** Every page of a list, in order. */
export async function allPages<T>(
  list: (page: {
    limit: number;
    cursor: string | null;
  }) => Promise<{ data: T[]; next_cursor: string | null }>,
  limit: number,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const page = await list({ limit, cursor });
    if (page.data.length > limit) throw new Error('a page longer than its limit');
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}
