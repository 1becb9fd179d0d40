type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The same object without its undefined fields: a filter that was not given is absent, not undefined. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
