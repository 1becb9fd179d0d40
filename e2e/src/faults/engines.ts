import { spawn } from 'node:child_process';
import path from 'node:path';

export type Engine = 'kafka' | 'postgres' | 'redis' | 'clickhouse';

/** scripts/stack for one engine; rejects with what it said when it fails. */
export function stack(what: 'start' | 'stop' | 'kill', engine: Engine): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(path.resolve(__dirname, '../../../scripts/stack'), [what, engine], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`stack ${what} ${engine} ended with ${String(code)}:\n${output}`));
    });
  });
}
