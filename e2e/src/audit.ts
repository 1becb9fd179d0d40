import { spawn } from 'node:child_process';
import path from 'node:path';

const AUDIT = path.resolve(__dirname, '../../scripts/audit.mjs');

/** `npm run audit` with these options and variables. */
export function runAudit(
  env: Record<string, string>,
  ...options: string[]
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [AUDIT, ...options], {
      env: { PATH: process.env['PATH'], ...env },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('close', (code) => {
      resolve({ code, out, err });
    });
  });
}
