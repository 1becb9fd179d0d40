import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { Logger } from '@milena/runtime';
import type { ChdbEngine, EngineResult } from './chdb-engine.ts';
import { BadRequestError } from './chdb-errors.ts';
import { toStatement } from './chdb-request.ts';

const DECODERS: Record<string, (body: Buffer) => Promise<Buffer>> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** Codes whose cause is the statement; every other one is answered with 500. Source: ClickHouse, src/Common/ErrorCodes.cpp. */
const STATUS_BY_CODE: Record<number, number> = {
  6: 400, // CANNOT_PARSE_TEXT
  25: 400, // CANNOT_PARSE_ESCAPE_SEQUENCE
  26: 400, // CANNOT_PARSE_QUOTED_STRING
  27: 400, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  36: 400, // BAD_ARGUMENTS
  41: 400, // CANNOT_PARSE_DATETIME
  42: 400, // NUMBER_OF_ARGUMENTS_DOESNT_MATCH
  43: 400, // ILLEGAL_TYPE_OF_ARGUMENT
  46: 404, // UNKNOWN_FUNCTION
  47: 404, // UNKNOWN_IDENTIFIER
  48: 501, // NOT_IMPLEMENTED
  53: 400, // TYPE_MISMATCH
  57: 409, // TABLE_ALREADY_EXISTS
  60: 404, // UNKNOWN_TABLE
  62: 400, // SYNTAX_ERROR
  72: 400, // CANNOT_PARSE_NUMBER
  81: 404, // UNKNOWN_DATABASE
  115: 404, // UNKNOWN_SETTING
  117: 400, // INCORRECT_DATA
  159: 408, // TIMEOUT_EXCEEDED
  376: 400, // CANNOT_PARSE_UUID
  456: 400, // UNKNOWN_QUERY_PARAMETER
  457: 400, // BAD_QUERY_PARAMETER
  516: 403, // AUTHENTICATION_FAILED
};

/** Parameters may ride in the URL; Node's default of 16 KiB for the request's head would refuse a long list. */
const MAX_HEADER_BYTES = 1024 * 1024;

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array;
}

/**
 * ClickHouse's HTTP interface (https://clickhouse.com/docs/interfaces/http), as much of it as @clickhouse/client speaks.
 * Once it is closed each connection ends with its next answer: a client that is never idle would keep it open.
 */
export function createChdbBridge(deps: {
  engine: ChdbEngine;
  password: string;
  logger?: Pick<Logger, 'warn'>;
}): Server {
  const { engine, logger } = deps;
  const expected = digest(`default:${deps.password}`);
  const answer = async (req: IncomingMessage): Promise<Answer> => {
    const url = new URL(req.url ?? '/', 'http://bridge');
    if (url.pathname === '/ping') {
      return { status: 200, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: 'Ok.\n' };
    }
    if (!timingSafeEqual(digest(credentials(req)), expected)) {
      throw new BadRequestError('default: Authentication failed', 516);
    }
    const body = await readBody(req);
    const statement = toStatement(url.searchParams, body, {
      contentType: req.headers['content-type'] ?? '',
      format: header(req, 'x-clickhouse-format'),
    });
    const result =
      statement.kind === 'insert'
        ? await engine.insert(statement.request)
        : await engine.run(statement.request);
    return resultAnswer(result, url.searchParams.get('query_id') ?? '');
  };
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (req, res) => {
    void answer(req)
      .catch((error: unknown) => errorAnswer(error, logger))
      .then(({ status, headers, body }) => {
        // What of a refused body was not read.
        req.resume();
        if (!server.listening) res.shouldKeepAlive = false;
        res.writeHead(status, headers).end(body);
      })
      .catch((error: unknown) => {
        // What the client wanted back in a header does not go into one.
        logger?.warn({ event: 'embedded_clickhouse.answer_failed', err: error });
        res.destroy();
      });
  });
  return server;
}

const resultAnswer = (result: EngineResult, queryId: string): Answer => ({
  status: 200,
  headers: {
    'content-type': 'text/plain; charset=UTF-8',
    'content-length': String(result.body.byteLength),
    'x-clickhouse-query-id': queryId,
    'x-clickhouse-summary': JSON.stringify({
      read_rows: String(result.readRows),
      written_rows: String(result.writtenRows),
    }),
  },
  body: result.body,
});

function errorAnswer(error: unknown, logger?: Pick<Logger, 'warn'>): Answer {
  const message = error instanceof Error ? error.message : String(error);
  const code =
    error instanceof BadRequestError ? error.code : Number(/^Code: (\d+)/.exec(message)?.[1] ?? 1002);
  const status = STATUS_BY_CODE[code] ?? 500;
  if (status >= 500) logger?.warn({ event: 'embedded_clickhouse.query_failed', code, error: message });
  const text = message.startsWith('Code: ')
    ? message
    : `Code: ${code}. DB::Exception: ${message}. (BRIDGE_ERROR)`;
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=UTF-8', 'x-clickhouse-exception-code': String(code) },
    body: `${text}\n`,
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();

function header(req: IncomingMessage, name: string): string {
  const value = req.headers[name];
  return typeof value === 'string' ? value : '';
}

/** `user:password` as given by Basic authentication or by ClickHouse's own headers. */
function credentials(req: IncomingMessage): string {
  const basic = /^Basic (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (basic !== undefined) return Buffer.from(basic, 'base64').toString('utf8');
  return `${header(req, 'x-clickhouse-user') || 'default'}:${header(req, 'x-clickhouse-key')}`;
}

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return body;
  const decode = DECODERS[encoding];
  if (!decode) throw new BadRequestError(`Content-Encoding ${encoding} is not supported`, 48);
  return decode(body);
}
