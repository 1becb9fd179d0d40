// HTTP/1.1 over plain sockets, for whatever runs beside what is measured: bodies of a told length, one message after the
// other, no error replies. `node:http` and undici cost several times as much.
import { connect, createServer, type Socket } from 'node:net';

/** The head is everything before the empty line. */
interface Message {
  head: string;
  body: Buffer;
}

const END_OF_HEAD = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const WITHOUT_BODY = /^(GET|DELETE) /;

function lengthOf(head: string): number {
  const told = LENGTH.exec(head);
  if (told === null && !WITHOUT_BODY.test(head)) throw new Error(`no content-length: ${head}`);
  return Number(told?.[1] ?? 0);
}

/** Calls `take` with each message that comes over the connection. */
function readMessages(socket: Socket, take: (message: Message) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const headEnd = rest.indexOf(END_OF_HEAD);
      if (headEnd < 0) return;
      const head = rest.toString('latin1', 0, headEnd);
      const bodyAt = headEnd + END_OF_HEAD.length;
      const end = bodyAt + lengthOf(head);
      if (rest.length < end) return;
      const body = rest.subarray(bodyAt, end);
      rest = rest.subarray(end);
      take({ head, body });
    }
  });
}

interface Reply {
  status: number;
  body?: string;
}

/** Listens on a free port, tells it to the process that started this one, and ends with it. */
export function serve(answer: (request: Message, reply: (reply: Reply) => void) => void): void {
  const server = createServer({ noDelay: true }, (socket) => {
    // Whoever has it may close it whenever it likes.
    socket.on('error', () => socket.destroy());
    readMessages(socket, (request) => {
      answer(request, ({ status, body = '' }) => {
        socket.write(
          `HTTP/1.1 ${status} -\r\nkeep-alive: timeout=60\r\ncontent-length: ${Buffer.byteLength(body)}${END_OF_HEAD}${body}`,
        );
      });
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.({ port: typeof address === 'object' ? address?.port : null });
  });
  process.on('disconnect', () => process.exit(0));
}

/** Posts JSON, each over a connection that is free or a new one. */
interface Poster {
  /** Resolves to the status once the whole reply has come. */
  post(path: string, body: string): Promise<number>;
  close(): void;
}

interface Connection {
  socket: Socket;
  settle: { resolve: (status: number) => void; reject: (error: Error) => void } | null;
}

/** @param headers of every request */
export function createPoster(origin: string, headers: Readonly<Record<string, string>>): Poster {
  const { host, hostname, port } = new URL(origin);
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = ` HTTP/1.1\r\n${lines.join('')}content-length: `;
  const all = new Set<Connection>();
  const free: Connection[] = [];

  const open = (): Connection => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const connection: Connection = { socket, settle: null };
    all.add(connection);
    readMessages(socket, (reply) => {
      const { settle } = connection;
      connection.settle = null;
      free.push(connection);
      settle?.resolve(Number(reply.head.slice(9, 12)));
    });
    let why = new Error(`${origin} closed the connection before it replied`);
    socket.on('error', (error) => (why = error));
    socket.on('close', () => {
      all.delete(connection);
      const at = free.indexOf(connection);
      if (at >= 0) free.splice(at, 1);
      connection.settle?.reject(why);
    });
    return connection;
  };

  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const connection = free.pop() ?? open();
        connection.settle = { resolve, reject };
        connection.socket.write(`POST ${path}${head}${Buffer.byteLength(body)}${END_OF_HEAD}${body}`);
      }),
    close: () => {
      for (const { socket } of all) socket.end();
    },
  };
}
