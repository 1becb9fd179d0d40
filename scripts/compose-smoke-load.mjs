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

/**
 * Delivery is at least once: what a worker has done but not yet committed when its partition moves is done again. That
 * must be rare, and the history must have every request that the receiver saw, repeats marked.
 */
export async function checkRepeats(api, subscriptions, requests, events) {
  const attempts = await listOf(api, subscriptions, 'attempts');
  check(attempts.length === requests, `the history has an attempt for each of the ${requests} requests`);
  const repeats = requests - events;
  const marked = attempts.filter(({ may_repeat }) => may_repeat).length;
  check(marked >= repeats, `${repeats} arrived twice, told as such`);
  check(repeats <= events * 0.005, `that is rare (${repeats} of ${events})`);
}
