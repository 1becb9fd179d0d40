import type { RawInsertFormat } from 'chdb';
import { BadRequestError } from './chdb-errors.ts';
import { bindableParams } from './chdb-params.ts';

/** One statement as it came over HTTP, with all that belongs to it alone. */
export interface ChdbRequest {
  sql: string;
  /** Values for `{name:Type}`; null when there are none. */
  params: Record<string, unknown> | null;
  settings: Record<string, string>;
  database: string | null;
  /** When the statement has no FORMAT of its own. */
  format: string;
}

export interface InsertRequest {
  table: string;
  columns: string[] | null;
  format: RawInsertFormat;
  rows: Buffer;
  settings: Record<string, string>;
  database: string | null;
}

/** Parameters of the HTTP interface itself; every other one is a setting. */
const NOT_SETTINGS = new Set(
  `query query_id database default_format session_id session_timeout session_check role user password compress
   decompress buffer_size wait_end_of_query enable_http_compression http_zlib_compression_level stacktrace quota_key
   send_progress_in_http_headers http_headers_progress_interval_ms client_protocol_version
   cancel_http_readonly_queries_on_client_close`.split(/\s+/),
);

const FORMATS: readonly string[] = [
  'JSONEachRow',
  'JSONCompactEachRow',
  'CSV',
  'CSVWithNames',
  'TSV',
  'TabSeparated',
  'TSVWithNames',
  'TabSeparatedWithNames',
] satisfies RawInsertFormat[];

const INSERT =
  /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?([\w.`"]+)\s*(?:\(([\w\s,`"]*)\)\s*)?FORMAT\s+(\w+)\s*;?\s*$/i;

const bare = (identifier: string) => identifier.replaceAll(/[`"\s]/g, '');

/**
 * What to run, from the URL's parameters, the body and the content type.
 *
 * As ClickHouse has it: with a `query` parameter the body is its data, without one the body is the statement; a
 * multipart body holds `query` and `param_*` fields.
 */
export function toStatement(
  url: URLSearchParams,
  body: Buffer,
  headers: { contentType: string; format: string },
): { kind: 'run'; request: ChdbRequest } | { kind: 'insert'; request: InsertRequest } {
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(headers.contentType)?.[1];
  const fields = boundary === undefined ? new Map<string, string>() : multipartFields(body, boundary);
  const settings: Record<string, string> = {};
  const raw: Record<string, string> = {};
  for (const [name, value] of [...url, ...fields]) {
    if (name.startsWith('param_')) raw[name.slice(6)] = value;
    else if (!NOT_SETTINGS.has(name)) settings[settingName(name)] = value;
  }
  const query = fields.get('query') ?? url.get('query') ?? '';
  const data = boundary === undefined ? body : Buffer.alloc(0);
  const database = databaseName(url.get('database'));

  const insert = INSERT.exec(query);
  if (insert?.[1] !== undefined && insert[3] !== undefined && FORMATS.includes(insert[3])) {
    const columns = insert[2]?.split(',').map(bare) ?? null;
    const table = bare(insert[1]);
    const format = insert[3] as RawInsertFormat;
    return {
      kind: 'insert',
      request: {
        table,
        columns,
        format,
        rows: data,
        settings,
        database: table.includes('.') ? null : database,
      },
    };
  }
  const sql = query === '' ? data.toString('utf8') : joinQuery(query, data);
  if (sql.trim() === '') throw new BadRequestError('Empty query', 62);
  const params = Object.keys(raw).length === 0 ? null : bindableParams(sql, raw);
  const format = headers.format || (url.get('default_format') ?? 'TabSeparated');
  return { kind: 'run', request: { sql, params, settings, database, format } };
}

function joinQuery(query: string, data: Buffer): string {
  return data.length === 0 ? query : `${query}\n${data.toString('utf8')}`;
}

function settingName(name: string): string {
  if (/^[A-Za-z]\w*$/.test(name)) return name;
  throw new BadRequestError(`Setting ${JSON.stringify(name)} is unknown`, 115);
}

function databaseName(name: string | null): string | null {
  if (name === null || name === '') return null;
  if (/^\w+$/.test(name)) return name;
  throw new BadRequestError(`Database ${JSON.stringify(name)} does not exist`, 81);
}

/** The text fields of a multipart body (RFC 7578). */
function multipartFields(body: Buffer, boundary: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of body.toString('utf8').split(`--${boundary}`)) {
    const split = part.indexOf('\r\n\r\n');
    const name = /\bname="([^"]*)"/i.exec(part.slice(0, Math.max(split, 0)))?.[1];
    if (name !== undefined) fields.set(name, part.slice(split + 4).replace(/\r\n$/, ''));
  }
  return fields;
}
