import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** A reply to check. */
export interface Reply {
  /** Any case. */
  method: string;
  /** As requested, for example `/api/v1/subscriptions/0198…?x=1`; a whole URL is fine. */
  path: string;
  status: number;
  /** Any case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON for a JSON reply; otherwise the text or bytes; undefined or empty when there was none. */
  body: unknown;
}

export type ContractChecker = (reply: Reply) => void;

/** The document does not allow the reply. */
export class ContractError extends Error {
  override name = 'ContractError';
}

interface MediaType {
  schema?: object | boolean;
}
interface ResponseSpec {
  headers?: Record<string, unknown>;
  content?: Record<string, MediaType>;
}
interface OpenApiDocument {
  servers?: { url: string }[];
  paths: Record<string, Record<string, { responses: Record<string, object> }>>;
}

const DOCUMENT = 'openapi.json';

/** `~` and `/` as JSON pointers write them (RFC 6901). */
function pointer(parts: readonly string[]): string {
  return parts.map((part) => `/${part.replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
}

function follow(document: unknown, ref: string): { value: unknown; at: string[] } {
  const at = ref
    .replace(/^#\//, '')
    .split('/')
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
  const value = at.reduce<unknown>(
    (inner, part) => (inner as Record<string, unknown> | undefined)?.[part],
    document,
  );
  if (value === undefined) throw new ContractError(`the document has nothing at ${ref}`);
  return { value, at };
}

/** The template that takes a path: of several, the one with the fewest parameters. */
function templateOf(document: OpenApiDocument, path: string): string | undefined {
  const parameters = (template: string): number => template.split('{').length;
  return Object.keys(document.paths)
    .sort((a, b) => parameters(a) - parameters(b))
    .find((template) => {
      const literals = template.split(/\{[^}]+\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return new RegExp(`^${literals.join('[^/]+')}$`).test(path);
    });
}

/** `application/json; charset=utf-8` → the content key that covers it, exact or by range. */
function coveringType(content: Record<string, MediaType>, contentType: string): string | undefined {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  const [major = ''] = type.split('/');
  return [type, `${major}/*`, '*/*'].find((candidate) => candidate !== '' && candidate in content);
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || body === '' || (body instanceof Uint8Array && !body.length);
}

/**
 * Holds replies against an OpenAPI 3.1 document: path, method and status must be documented, a body must be of a
 * documented content type and fit its schema (formats included), and headers that the document lists for success must
 * be there.
 * @returns a function that throws ContractError, saying what does not fit
 */
export function createContractChecker(document: object): ContractChecker {
  const openapi = document as OpenApiDocument;
  // Not strict: an OpenAPI document is full of keywords that JSON Schema does not know.
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats(ajv);
  ajv.addSchema(document, DOCUMENT);
  const compiled = new Map<string, ValidateFunction>();

  /** Where the response stands, and what it says. */
  function responseOf(reply: Reply, what: string): { spec: ResponseSpec; at: string[] } {
    const base = (openapi.servers?.[0]?.url ?? '').replace(/^https?:\/\/[^/]+/, '').replace(/\/$/, '');
    const { pathname } = new URL(reply.path, 'http://host');
    const path = pathname.startsWith(base) ? pathname.slice(base.length) : pathname;
    const template = templateOf(openapi, path);
    if (template === undefined) throw new ContractError(`${what}: the path is not documented`);
    const method = reply.method.toLowerCase();
    const responses = openapi.paths[template]?.[method]?.responses;
    if (!responses) throw new ContractError(`${what}: ${template} does not document the method`);
    const status = [String(reply.status), 'default'].find((key) => key in responses);
    if (status === undefined) throw new ContractError(`${what}: ${template} does not document the status`);
    const spec = responses[status] as ResponseSpec & { $ref?: string };
    if (spec.$ref === undefined) return { spec, at: ['paths', template, method, 'responses', status] };
    const { value, at } = follow(document, spec.$ref);
    return { spec: value as ResponseSpec, at };
  }

  function checkHeaders(reply: Reply, spec: ResponseSpec, what: string): void {
    if (reply.status >= 400) return;
    const given = new Set(
      Object.entries(reply.headers).flatMap(([k, v]) => (v === undefined ? [] : [k.toLowerCase()])),
    );
    const missing = Object.keys(spec.headers ?? {}).filter((name) => !given.has(name.toLowerCase()));
    if (missing.length > 0) throw new ContractError(`${what}: the header ${missing.join(', ')} is missing`);
  }

  return (reply) => {
    const what = `${reply.method.toUpperCase()} ${reply.path} → ${reply.status}`;
    const { spec, at } = responseOf(reply, what);
    checkHeaders(reply, spec, what);
    if (spec.content === undefined) {
      if (!isEmpty(reply.body)) throw new ContractError(`${what}: it has a body, and none is documented`);
      return;
    }
    const header = Object.entries(reply.headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    const type = coveringType(spec.content, String(header ?? ''));
    if (type === undefined) {
      throw new ContractError(`${what}: the content type ${String(header)} is not documented`);
    }
    if (spec.content[type]?.schema === undefined) return;
    const ref = `${DOCUMENT}#${encodeURI(pointer([...at, 'content', type, 'schema']))}`;
    const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref });
    compiled.set(ref, validate);
    if (validate(reply.body)) return;
    throw new ContractError(`${what}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(reply.body)}`);
  };
}
