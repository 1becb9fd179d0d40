import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInsertThread } from '../src/chdb-inserts.ts';
import type { InsertRequest } from '../src/chdb-request.ts';

const request: InsertRequest = {
  table: 't',
  columns: ['a', 'b'],
  format: 'JSONCompactEachRow',
  rows: Buffer.from('[1,2]\n'),
  settings: { insert_deduplication_token: "it's" },
  database: 'd',
};

test('a thread that ended fails what it was at; the next insert begins another', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'milena-inserts-'));
  const program = join(__dirname, 'fixtures', 'mortal-insert-thread.cjs');
  const inserts = openInsertThread({ program, dataDir: join(directory, 'one-ended') }, () => undefined);
  try {
    await expect(inserts.insert(request)).rejects.toThrow('the thread for inserts ended with 3');
    expect(await inserts.insert(request)).toBe(
      "INSERT INTO `d`.`t` (`a`, `b`) SETTINGS insert_deduplication_token = 'it\\'s' FORMAT JSONCompactEachRow\n",
    );
  } finally {
    await inserts.close();
    rmSync(directory, { recursive: true });
  }
});

test('a program that is not there is told to whoever inserts, and closing goes well', async () => {
  const inserts = openInsertThread(
    { program: join(__dirname, 'none.cjs'), dataDir: 'none' },
    () => undefined,
  );
  await expect(inserts.insert(request)).rejects.toThrow(/Cannot find module/);
  await inserts.close();
});
