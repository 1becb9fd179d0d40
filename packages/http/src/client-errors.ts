import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '@milena/runtime';
import { problemReply } from './problem-reply.ts';
import { HttpProblem } from './problem.ts';
import { sendReply } from './reply.ts';

interface ParserError extends Error {
  code?: string;
  /** What the parser says, in fixed words: nothing of the request is in it. */
  reason?: string;
}

/** What Node's own answer would have as its status. */
function problemOf({ code, reason }: ParserError): HttpProblem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpProblem(431, 'headers-too-large', 'The headers are larger than can be taken.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpProblem(413, 'payload-too-large', 'The chunk extensions are larger than can be taken.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem(408, 'request-timeout', 'The request did not arrive whole in time.');
    case undefined:
    default: {
      const why = reason === undefined ? '' : `: ${reason}`;
      return new HttpProblem(400, 'bad-request', `The request is not valid HTTP${why}.`);
    }
  }
}

/**
 * Whether a connection owes the answer to a request that is whole, or is in the middle of one: what is wrong then is a
 * later request, and its refusal would be taken for that answer, or for a part of it.
 */
function isAnswering(socket: Duplex): boolean {
  // As Node's own handler finds the response; there is no public way.
  const response = (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
  return response ? response.headersSent || response.req.complete : false;
}

/** Answers on a connection whose request could not be made out, so that there is no response to write to. */
function answerOn(socket: Duplex, problem: HttpProblem, requestId: string): void {
  const { status, headers, body } = problemReply(problem, requestId);
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    ...Object.entries({ ...headers, 'x-request-id': requestId }).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`, () => {
    socket.destroy();
  });
}

function refuse(res: ServerResponse, problem: HttpProblem): void {
  const requestId = randomUUID();
  res.shouldKeepAlive = false;
  sendReply(res, problemReply(problem, requestId), requestId);
}

/** True for a request that HTTP/1.1 forbids and that has been refused; Node would do so without a problem document. */
export function refusedForHost(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.headers.host !== undefined || req.httpVersion !== '1.1') return false;
  refuse(res, new HttpProblem(400, 'bad-request', 'The request is not valid HTTP: it has no Host header.'));
  return true;
}

/** Answers with problems what Node would refuse by itself, with a bare status. */
export function answerClientErrors(server: Server, logger: Logger): void {
  server.on('clientError', (error: ParserError, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
      socket.destroy();
      return;
    }
    const requestId = randomUUID();
    logger.debug({ event: 'http.unreadable', request_id: requestId, err: error });
    answerOn(socket, problemOf(error), requestId);
  });
  server.on('checkExpectation', (_req: IncomingMessage, res: ServerResponse) => {
    refuse(res, new HttpProblem(417, 'expectation-failed', 'The only Expect that is met is 100-continue.'));
  });
}
