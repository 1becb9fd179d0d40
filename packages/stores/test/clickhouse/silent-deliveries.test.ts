import { countSilentDeliveries } from '../../src/clickhouse/index.ts';
import { attempt, disposition, event, failed, openHistory, T0, type History } from './support.ts';

let history: History;
beforeEach(async () => {
  history = await openHistory();
});
afterEach(() => history.close());

test('a delivery is silent until anything is told of it, and counts once however often it is stored', async () => {
  const { clickhouse, writer } = history;
  const count = async () => [...(await countSilentDeliveries(clickhouse, { since: T0, until: T0 + 60_000 }))];
  expect(await count()).toEqual([]);

  const silent = event();
  const tried = event();
  const filtered = event({ accepted_at: T0 + 59_999 });
  const early = event({ accepted_at: T0 - 1 });
  const late = event({ accepted_at: T0 + 60_000 });
  await writer.insertEvents([silent, tried, filtered, early, late]);
  await writer.insertEvents([silent, event({ ...silent, payload: Buffer.from('"again"') })]);
  expect(await count()).toEqual([[T0, 3]]);

  // Failed or not: it was seen.
  await writer.insertAttempts([failed(tried, 1)]);
  await writer.insertDispositions([disposition(filtered, 'filtered')]);
  expect(await count()).toEqual([[T0, 1]]);

  await writer.insertAttempts([attempt(silent)]);
  expect(await count()).toEqual([]);
});

test('each minute has its own', async () => {
  const { clickhouse, writer } = history;
  const at = (accepted_at: number) => event({ accepted_at });
  await writer.insertEvents([at(T0), at(T0 + 59_999), at(T0 + 60_000), at(T0 + 120_000)]);
  const found = await countSilentDeliveries(clickhouse, { since: T0, until: T0 + 120_000 });
  expect(found).toEqual(
    new Map([
      [T0, 2],
      [T0 + 60_000, 1],
    ]),
  );
});
