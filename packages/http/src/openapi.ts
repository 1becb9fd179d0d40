import { createComponents, type JsonSchema, type Components } from './openapi-schemas.ts';
import { PROBLEM_TYPE, problemSchema } from './problem-reply.ts';
import type { ReplySpec, Route } from './route.ts';

interface OpenApiOptions {
  title: string;
  description: string;
  version: string;
  routes: readonly Route[];
  serverUrl?: string;
}

/** How each status reads in the document, and the header that comes with it. */
const PROBLEMS: Readonly<Record<number, readonly [description: string, header?: string]>> = {
  400: ['The query or the body can not be read.'],
  401: ['Credentials are missing or wrong.', 'WWW-Authenticate'],
  403: [
    'The key may not do this; or no key is needed, and the Host is not this machine.',
    'WWW-Authenticate',
  ],
  404: ['There is no such thing.'],
  405: ['The path does not take this method.', 'Allow'],
  409: ['It is in a state that does not allow this.'],
  412: ['It was changed since it was read.'],
  413: ['The body is too large.'],
  415: ['The body is of a kind that is not taken.'],
  422: ['The body is readable, but not acceptable.'],
  428: ['The request must be conditional.'],
  429: ['Too many requests.', 'Retry-After'],
  500: ['Something went wrong here.'],
  503: ['Something needed is not available now: try again.', 'Retry-After'],
};

/** What the server itself may refuse, so that no route has to list it. */
function problemsOf(route: Route): number[] {
  const statuses = new Set(route.problems);
  // 404: of a key that is bound to a tenant, for whatever it names of another.
  if (route.access !== 'open') statuses.add(401).add(404).add(429).add(503);
  if (route.access !== 'open' && route.access !== 'optional') statuses.add(403);
  if (route.params) statuses.add(404);
  if (route.query) statuses.add(400);
  if (route.body) statuses.add(400).add(413).add(415);
  if (route.body?.kind === 'json') statuses.add(422);
  statuses.add(500);
  return [...statuses].filter((status) => !(status in route.replies)).sort((a, b) => a - b);
}

/** The OpenAPI 3.1 document of these routes, made from the very schemas that validate. */
export function buildOpenApi(options: OpenApiOptions): object {
  const components = createComponents();
  const problem = components.ref(problemSchema, 'output');
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of options.routes) {
    (paths[route.path] ??= {})[route.method] = operation(route, components);
  }
  const used = [...new Set(options.routes.flatMap(problemsOf))].sort((a, b) => a - b);
  return components.finish({
    openapi: '3.1.0',
    info: { title: options.title, description: options.description, version: options.version },
    servers: [{ url: options.serverUrl ?? '/' }],
    tags: [...new Set(options.routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      responses: Object.fromEntries(
        used.map((status) => [`Problem${status}`, problemResponse(status, problem)]),
      ),
      headers: {
        RequestId: {
          description: 'Id of this request, as in the log; the x-request-id sent, when there was one.',
          schema: { type: 'string' },
        },
      },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' } },
    },
  });
}

function problemResponse(status: number, problem: JsonSchema): object {
  const [description, header] = PROBLEMS[status] ?? ['Refused.'];
  return {
    description,
    headers: { ...REQUEST_ID, ...(header && { [header]: { schema: { type: 'string' } } }) },
    content: { [PROBLEM_TYPE]: { schema: problem } },
  };
}

const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };

function operation(route: Route, components: Components): object {
  const responses: Record<string, object> = {};
  for (const [status, reply] of Object.entries(route.replies))
    responses[status] = response(reply, components);
  for (const status of problemsOf(route))
    responses[status] = { $ref: `#/components/responses/Problem${status}` };
  const parameters = parametersOf(route, components);
  return {
    operationId: route.operation_id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    security: securityOf(route),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: requestBody(route.body, components) }),
    responses,
  };
}

/** Scopes are listed as the roles that OpenAPI 3.1 allows under any scheme; `{}` = goes without. */
function securityOf(route: Route): object[] {
  if (route.access === 'open') return [];
  if (route.access === 'optional') return [{}, { bearer: [] }];
  return [{ bearer: [route.access] }];
}

function parametersOf(route: Route, components: Components): object[] {
  const headers = Object.entries(route.headers ?? {}).map(([name, header]) => ({
    name,
    in: 'header',
    description: header.description,
    schema: { type: 'string' },
    ...(header.example !== undefined && { example: header.example }),
  }));
  return [
    ...fields(route.params, 'path', components),
    ...fields(route.query, 'query', components),
    ...headers,
  ];
}

function fields(schema: Route['params'], place: 'path' | 'query', components: Components): object[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = components.inline(schema, 'input');
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    ...(description !== undefined && { description }),
    ...((place === 'path' || required.includes(name)) && { required: true }),
    schema: property,
  }));
}

function requestBody(body: NonNullable<Route['body']>, components: Components): object {
  if (body.kind === 'raw') {
    const media = { schema: {}, example: body.example };
    return {
      description: `${body.description} At most ${body.limit} bytes.`,
      required: true,
      content: Object.fromEntries(body.content_types.map((type) => [type, media])),
    };
  }
  return {
    required: !body.schema.safeParse(undefined).success,
    content: { 'application/json': { schema: components.ref(body.schema, 'input') } },
  };
}

function response(reply: ReplySpec, components: Components): object {
  const headers = Object.entries(reply.headers ?? {}).map(([name, { description }]): [string, object] => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  const schema = reply.schema && components.ref(reply.schema, 'output');
  const type = reply.content_type ?? (schema ? 'application/json' : null);
  return {
    description: reply.description,
    headers: { ...REQUEST_ID, ...Object.fromEntries<object>(headers) },
    ...(type && { content: { [type]: { schema: schema ?? {} } } }),
  };
}
