// The load of scripts/compose-smoke.mjs, and what the API tells of it afterwards.
import { call, check } from './compose-smoke-tools.mjs';

/** Sends events at an even rate, to each subscription in turn, until told to stop; gives the deliveries accepted. */
export function startLoad(ingest, subscriptions, rate) {
  const accepted = [];
  const refused = [];
  const pending = new Set();
  let sent = 0;
  const begun = Date.now();
  const timer = setInterval(() => {
    // Late ticks are made up for, but never with more than 200 requests under way.
    while (sent < ((Date.now() - begun) / 1000) * rate && pending.size < 200) {
      const n = sent++;
      const request = call(
        `${ingest}/ingest/${subscriptions[n % subscriptions.length].id}`,
        { n },
        { 'x-event-type': 'load' },
      )
        .then(({ delivery_id }) => accepted.push(delivery_id))
        .catch((error) => refused.push(error.message))
        .finally(() => pending.delete(request));
      pending.add(request);
    }
  }, 10);
  return {
    sent: () => sent,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      return { accepted, refused };
    },
  };
}

/** All pages of a list of each subscription: `deliveries` or `attempts`. */
async function listOf(api, subscriptions, what) {
  const found = [];
  for (const { id } of subscriptions) {
    for (let cursor = ''; cursor !== null;) {
      const after = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await call(`${api}/api/v1/subscriptions/${id}/${what}?limit=100${after}`);
      found.push(...page.data);
      cursor = page.next_cursor;
    }
  }
  return found;
}

/** The deliveries that the API tells, by id. */
export async function history(api, subscriptions) {
  return new Map((await listOf(api, subscriptions, 'deliveries')).map((delivery) => [delivery.id, delivery]));
}

/** From one worker to three. */
const JOINS = 2;
/** From taking a record to the ack of its append, on two cores that all containers share. */
const UNDER_WAY_S = 0.05;

/**
 * What may arrive twice. A worker that leaves on SIGTERM finishes what it has under way, commits, and only then goes:
 * nothing is repeated (ADR 0012). One that joins gets partitions of a worker that is at work; acks up to then are
 * committed first, but what is just under way there is done again (ADR 0010): at each of the joins no more than what
 * `rate` brings in the time that one delivery takes.
 */
export function checkRepeats(joining, leaving, rate) {
  const most = Math.ceil(JOINS * rate * UNDER_WAY_S);
  check(joining <= most, `${joining} arrived twice when workers joined, of at most ${most}`);
  check(leaving === 0, 'none arrived twice when workers left');
}

/** The history must have every request that the receiver saw, and mark each that repeats another. */
export async function checkAttempts(api, subscriptions, requests) {
  const attempts = await listOf(api, subscriptions, 'attempts');
  check(attempts.length === requests, `the history has an attempt for each of the ${requests} requests`);
  const unmarked = new Map();
  for (const { delivery_id, may_repeat } of attempts) {
    if (!may_repeat) unmarked.set(delivery_id, (unmarked.get(delivery_id) ?? 0) + 1);
  }
  const silent = [...unmarked].filter(([, count]) => count > 1).map(([id]) => id);
  check(silent.length === 0, `none is repeated without being marked ${silent[0] ?? ''}`.trim());
}
