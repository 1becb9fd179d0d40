import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { build } from 'esbuild';

/** A fixture as one script of plain JavaScript, which a Node without a loader can run. */
export async function bundled(fixture: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(__dirname, 'fixtures', fixture)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['lmdb', 'kafkajs', 'pino', 'prom-client'],
    write: false,
  });
  return outputFiles[0]!.text;
}

/**
 * Runs a fixture that prints the number of each append that was acked, and kills it with SIGKILL after so many.
 * @returns the numbers that it printed
 */
export async function runUntilKilled(
  fixture: string,
  args: readonly string[],
  acks: number,
): Promise<number[]> {
  const child = spawn(process.execPath, ['-', ...args], {
    cwd: __dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(await bundled(fixture));
  let output = '';
  const exited = once(child, 'exit');
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += String(chunk);
    if (output.split('\n').length > acks) child.kill('SIGKILL');
  }
  await exited;
  // What follows the last line break is a number cut short.
  return output.split('\n').slice(0, -1).map(Number);
}
