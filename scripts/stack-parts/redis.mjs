import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { which } from './install.mjs';
import { dataDir } from './place.mjs';

const DATA = dataDir('redis');
const CONF = path.join(DATA, 'redis.conf');

export const redis = {
  name: 'redis',
  defaultPort: 16379,
  dirs: [DATA],
  stopSignals: [['SIGTERM', 10_000]],

  missingPackages: () => (which('redis-server') === null ? ['redis-server'] : []),

  async prepare({ port, password }) {
    mkdirSync(DATA, { recursive: true });
    // A file and not arguments, which everybody can read. Appended before each answer: kill -9 loses nothing answered.
    const lines = [
      'bind 127.0.0.1',
      `port ${port}`,
      `requirepass ${password}`,
      `dir "${DATA}"`,
      'appendonly yes',
      'save ""',
      'daemonize no',
    ];
    writeFileSync(CONF, `${lines.join('\n')}\n`, { mode: 0o600 });
  },

  command: () => ({ file: which('redis-server'), args: [CONF], cwd: DATA }),

  /** While it loads its data it answers -LOADING. */
  check: ({ port, password }) =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', timeout: 2000 });
      let answer = '';
      socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
      socket.on('data', (chunk) => {
        answer += chunk;
        if (answer.split('\r\n').length < 3) return;
        if (answer === '+OK\r\n+PONG\r\n') resolve();
        else reject(new Error(answer.trim()));
        socket.destroy();
      });
      socket.once('timeout', () => socket.destroy(new Error('no answer')));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('Redis hung up')));
    }),

  url: ({ port }) => `redis://127.0.0.1:${port}`,
  env: ({ port, password }) => ({ REDIS_URL: `redis://default:${password}@127.0.0.1:${port}` }),
};
