/** What there is of another tenant than the caller's. */
export interface ForeignTenant {
  tenant_id: string;
  /** One of each kind that a path, a filter or a body may name: a subscription, a delivery, a key, … */
  ids: readonly string[];
}

/** One call; `text` is the whole answer. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<{ status: number; text: string }>;

/** A call that names something of the other tenant, or asks for a list without naming any. */
export interface Try {
  operation: string;
  /** `name`: must be 404. `list`: must not show anything of the other tenant. */
  kind: 'name' | 'list';
  method: string;
  path: string;
  body?: unknown;
  headers: Record<string, string>;
}

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  example?: unknown;
  examples?: unknown[];
}
interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema; example?: string }[];
  requestBody?: { content: Record<string, { schema: Schema; example?: unknown }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

const NAMES_ID = /_ids?$|^ids?$/;

/**
 * From an OpenAPI document every call that could reach what is another tenant's: each path, filter, header and body
 * field that takes an id or a tenant, with each of the other's ids; and each list without a filter. A new route is among
 * them as soon as it is documented.
 * @returns the calls, and the operations that take no id and list nothing, for the test to say that this is right
 */
export function triesOnForeignTenant(
  document: object,
  foreign: ForeignTenant,
): { tries: Try[]; without: string[] } {
  const { paths, components } = document as Document;
  const tries: Try[] = [];
  const without: string[] = [];
  for (const [template, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const found = triesOf(method.toUpperCase(), template, operation, foreign, components?.schemas ?? {});
      tries.push(...found);
      if (found.length === 0) without.push(operation.operationId);
    }
  }
  return { tries, without };
}

function triesOf(
  method: string,
  template: string,
  operation: Operation,
  foreign: ForeignTenant,
  schemas: Record<string, Schema>,
): Try[] {
  const { content, example, fields } = bodyOf(operation, schemas);
  const base = {
    operation: operation.operationId,
    method,
    ...(example !== undefined && { body: example }),
    headers: content === undefined ? {} : { 'content-type': content },
  };
  const valuesFor = (name: string): readonly string[] =>
    /tenant/i.test(name) ? [foreign.tenant_id] : foreign.ids;
  // Without an id of the caller's own to put into a path, whatever else it takes is tried with the path's ids alone.
  if (template.includes('{')) {
    return foreign.ids.map((id) => ({ ...base, kind: 'name', path: template.replaceAll(/\{\w+\}/g, id) }));
  }
  const path = template;
  const named = (operation.parameters ?? []).filter(
    ({ name }) => NAMES_ID.test(name) || /tenant/i.test(name),
  );
  const tries: Try[] = named
    .filter((parameter) => parameter.in === 'query' || /tenant/i.test(parameter.name))
    .flatMap((parameter) =>
      valuesFor(parameter.name).map((value): Try => {
        if (parameter.in === 'query')
          return { ...base, kind: 'name', path: `${path}?${parameter.name}=${value}` };
        return { ...base, kind: 'name', path, headers: { ...base.headers, [parameter.name]: value } };
      }),
    );
  for (const field of fields.filter((name) => NAMES_ID.test(name))) {
    for (const value of valuesFor(field)) {
      tries.push({ ...base, kind: 'name', path, body: withField(example, field, value) });
    }
  }
  const listed = Object.keys(operation.responses['200']?.content ?? {});
  // A list that can't be asked for without naming something was tried with each name.
  const asksForName = named.some(({ required }) => required);
  if (
    method === 'GET' &&
    !asksForName &&
    tries.length + listed.length > 0 &&
    operation.parameters !== undefined
  ) {
    if (!listed.includes('text/event-stream')) tries.push({ ...base, kind: 'list', path });
  }
  return tries;
}

/** The body's content type, its example, and the names of the fields it may have (in an array, those of its items). */
function bodyOf(operation: Operation, schemas: Record<string, Schema>) {
  const [content, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (content === undefined || media === undefined) return { fields: [] };
  const name = /^#\/components\/schemas\/(.+)$/.exec(media.schema.$ref ?? '')?.[1];
  const schema = name === undefined ? media.schema : (schemas[name] ?? {});
  const example = media.example ?? schema.example ?? schema.examples?.[0] ?? {};
  // A raw body has no schema. Of an array of events each may say whose it is.
  const fields = Array.isArray(example) ? ['tenant_id'] : Object.keys(schema.properties ?? {});
  return { content, example, fields };
}

function withField(example: unknown, field: string, value: string): unknown {
  const given = field.endsWith('ids') ? [value] : value;
  if (Array.isArray(example)) return example.map((item) => ({ ...(item as object), [field]: given }));
  return { ...(example as object), [field]: given };
}

/** More at once wait for the pool's connections for so long that they are refused. */
const AT_ONCE = 20;

/** Does `work` with each, some side by side. */
export async function severalAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let n = 0; n < items.length; n += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(n, n + AT_ONCE).map(work))));
  }
  return results;
}

/** Makes the calls; what is wrong with the answers, one line each. */
export async function breachesOf(
  tries: readonly Try[],
  foreign: ForeignTenant,
  call: Call,
): Promise<string[]> {
  const breaches = await severalAtOnce(tries, async ({ operation, kind, method, path, body, headers }) => {
    const { status, text } = await call(method, path, body, headers);
    const marks = kind === 'list' ? [foreign.tenant_id, ...foreign.ids] : [];
    const shown = marks.filter((mark) => text.includes(mark));
    if (status === (kind === 'name' ? 404 : 200) && shown.length === 0) return [];
    const sent = body === undefined ? '' : ` ${JSON.stringify(body)}`;
    return [`${operation}: ${method} ${path}${sent} → ${status}, shows [${shown.join(', ')}]`];
  });
  return breaches.flat();
}
