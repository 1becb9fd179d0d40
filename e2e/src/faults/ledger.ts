import { createStatsReader, openClickHouse, type ClickHouse } from '@milena/stores/clickhouse';
import { openPostgres, type Postgres } from '@milena/stores/postgres';
import type { Sent } from './load.ts';
import type { Seen, Target } from './target.ts';

/** What a run came to, counted from the target and from the stores, never from what services say of themselves. */
export interface Ledger {
  accepted: number;
  refused: number;
  unanswered: number;
  delivered: number;
  dead_lettered: number;
  /** Accepted, and neither delivered nor dead-lettered. */
  missing: string[];
  /** The target answered one of its requests with 200, and the history has neither a success nor a dead letter: it goes on. */
  unended: string[];
  /** Accepted, and not among the recorded events. */
  unrecorded: string[];
  requests: number;
  attempts: number;
  /** Deliveries of which the target saw more requests than there are attempts, and none of those may be a repeat. */
  unlogged: string[];
  /** Requests beyond the attempts logged, of deliveries with an attempt that says it may be a repeat. */
  cut_off: number;
  /** Attempts logged that the target never saw. */
  invented: string[];
  /** Successes beyond the first whose answer came too late or not at all: tried again, as it must be. */
  answered_late: number;
  /** Successes beyond the first, of deliveries with an attempt that may be a repeat. */
  repeated: number;
  /** Deliveries that succeeded more than once with nothing to explain it. */
  unexplained: string[];
  /** Deliveries whose requests did not all carry the id that the 202 gave. */
  other_ids: string[];
  /** Attempts in the table, less those that the statistics count. */
  uncounted: number;
}

interface AttemptsOf {
  delivery_id: string;
  attempts: string;
  may_repeat: string;
  unanswered: string;
  successes: string;
}

/** Reads the stores of a system under test. */
export interface Auditor {
  audit(sent: Sent, target: Target): Promise<Ledger>;
  close(): Promise<void>;
}

export function createAuditor(env: Readonly<Record<string, string>>): Auditor {
  const pg = openPostgres({ url: env['DATABASE_URL'] ?? '', poolMax: 2 });
  const clickhouse = openClickHouse({
    url: env['CLICKHOUSE_URL'] ?? '',
    user: env['CLICKHOUSE_USER'] ?? '',
    password: env['CLICKHOUSE_PASSWORD'] ?? '',
    database: env['CLICKHOUSE_DATABASE'] ?? '',
  });
  return {
    audit: async (sent, target) => judge(sent, target, await readStores(pg, clickhouse)),
    close: async () => {
      await pg.close();
      await clickhouse.close();
    },
  };
}

/** What the stores hold, by delivery id. */
export interface Stores {
  deadLetters: Set<string>;
  events: Set<string>;
  attempts: Map<string, Record<Exclude<keyof AttemptsOf, 'delivery_id'>, number>>;
  uncounted: number;
}

async function readStores(pg: Postgres, clickhouse: ClickHouse): Promise<Stores> {
  const letters = await pg.query<{ delivery_id: string }>('SELECT delivery_id FROM dead_letters');
  const events = await clickhouse.select<{ delivery_id: string }>('SELECT delivery_id FROM events FINAL', {});
  const attempts = await clickhouse.select<AttemptsOf>(
    `SELECT delivery_id, count() AS attempts, countIf(may_repeat) AS may_repeat,
       countIf(error_kind IN ('timeout', 'reset')) AS unanswered, countIf(outcome = 'success') AS successes
     FROM attempts FINAL GROUP BY delivery_id`,
    {},
  );
  const counted = await createStatsReader({ clickhouse }).totals({ since: 0, until: Date.now() + 60_000 });
  return {
    deadLetters: new Set(letters.rows.map((row) => row.delivery_id)),
    events: new Set(events.map((row) => row.delivery_id)),
    attempts: new Map(
      attempts.map((row) => [
        row.delivery_id,
        {
          attempts: Number(row.attempts),
          may_repeat: Number(row.may_repeat),
          unanswered: Number(row.unanswered),
          successes: Number(row.successes),
        },
      ]),
    ),
    uncounted: attempts.reduce((sum, row) => sum + Number(row.attempts), 0) - counted.attempts,
  };
}

const succeeded = (requests: readonly Seen[]): number =>
  requests.filter(({ status }) => status === 200).length;

const NONE = { attempts: 0, may_repeat: 0, unanswered: 0, successes: 0 };

/** Holds what was promised against what the target saw and what the stores hold. */
export function judge(sent: Sent, target: Pick<Target, 'seen'>, stores: Stores): Ledger {
  const ledger: Ledger = {
    accepted: sent.accepted.size,
    refused: sent.refused.length,
    unanswered: sent.unanswered,
    delivered: 0,
    dead_lettered: 0,
    missing: [],
    unended: [],
    unrecorded: [],
    requests: 0,
    attempts: 0,
    unlogged: [],
    cut_off: 0,
    invented: [],
    answered_late: 0,
    repeated: 0,
    unexplained: [],
    other_ids: [],
    uncounted: stores.uncounted,
  };
  for (const [id, eventId] of sent.accepted) {
    const requests = target.seen.get(id) ?? [];
    const logged = stores.attempts.get(id) ?? NONE;
    const successes = succeeded(requests);
    ledger.requests += requests.length;
    ledger.attempts += logged.attempts;
    if (successes > 0) ledger.delivered += 1;
    else if (stores.deadLetters.has(id)) ledger.dead_lettered += 1;
    else ledger.missing.push(id);
    if (successes > 0 && logged.successes === 0 && !stores.deadLetters.has(id)) ledger.unended.push(id);
    if (!stores.events.has(id)) ledger.unrecorded.push(id);
    if (requests.some(({ event_id }) => event_id !== eventId)) ledger.other_ids.push(id);
    const beyond = requests.length - logged.attempts;
    if (beyond < 0) ledger.invented.push(id);
    if (beyond > 0 && logged.may_repeat >= beyond) ledger.cut_off += beyond;
    else if (beyond > 0) ledger.unlogged.push(id);
    const again = Math.max(0, successes - 1);
    const late = Math.min(again, logged.unanswered);
    ledger.answered_late += late;
    if (again > late && logged.may_repeat > 0) ledger.repeated += again - late;
    else if (again > late) ledger.unexplained.push(id);
  }
  return ledger;
}

/** Everything is where it belongs; what `cut_off` and `repeated` may be is for the caller to say. */
export function balances(ledger: Ledger): boolean {
  const { missing, unended, unrecorded, unlogged, invented, unexplained, other_ids, uncounted } = ledger;
  const wrong = [missing, unended, unrecorded, unlogged, invented, unexplained, other_ids];
  return uncounted === 0 && wrong.every((ids) => ids.length === 0);
}

/** A few lines for people. */
export function ledgerText(name: string, ledger: Ledger): string {
  const count = (ids: readonly string[]): string =>
    ids.length === 0 ? '0' : `${ids.length} (${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ', …' : ''})`;
  return [
    name,
    `  accepted ${ledger.accepted} = delivered ${ledger.delivered} + dead-lettered ${ledger.dead_lettered} + missing ${count(ledger.missing)}; not ended ${count(ledger.unended)}`,
    `  refused ${ledger.refused}, unanswered ${ledger.unanswered}, not recorded ${count(ledger.unrecorded)}`,
    `  requests seen ${ledger.requests}, attempts logged ${ledger.attempts}: cut off by a crash ${ledger.cut_off}, not logged ${count(ledger.unlogged)}, never seen ${count(ledger.invented)}`,
    `  delivered again: after a crash or a moved partition ${ledger.repeated}, answered too late ${ledger.answered_late}, unexplained ${count(ledger.unexplained)}; other ids ${count(ledger.other_ids)}; statistics off by ${ledger.uncounted}`,
    '',
  ].join('\n');
}
