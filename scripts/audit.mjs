// `npm run audit`: asks a running Milena whether every delivery is accounted for; `npm run audit -- --help`.
// Needs nothing but Node: no install, no build.
import { parseArgs } from 'node:util';
import { describeFailure, describeLedger } from './audit-text.mjs';
import { requireNode } from './lib.mjs';

const HELP = `npm run audit -- [options]

Asks a running Milena whether accepted = delivered + filtered + dead-lettered + expired + cancelled + in motion, each
counted from the rows that prove it, and names the deliveries that don't add up.

  --subscription ID  of one subscription; of all, or all that the key may see, unless given
  --since TIME       accepted from this time on, such as 2026-01-31T09:30:00Z; the last 24 hours unless given
  --until TIME       accepted before this time
  --json             prints what the API answered instead of the table

  MILENA_URL         where its API is; http://127.0.0.1:8080 unless set
  API_KEY            a key with the scope read, if Milena asks for one

Ends with 0 when it balances, 1 when it doesn't, 2 when it could not be asked.
`;

/** The answer waits for the recorder, 13 seconds at most, and for the event store. */
const PATIENCE_MS = 120_000;

requireNode();
process.exitCode = await main();

async function main() {
  let options;
  try {
    options = parseArgs({
      options: {
        subscription: { type: 'string' },
        since: { type: 'string' },
        until: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const base = process.env.MILENA_URL || 'http://127.0.0.1:8080';
  const answer = await ask(base, options);
  if (answer.ledger === undefined) {
    console.error(describeFailure(base, answer));
    return 2;
  }
  const { ledger } = answer;
  if (options.json) console.log(JSON.stringify(ledger, null, 2));
  else console.log(describeLedger(base, ledger, options.subscription));
  return ledger.balanced ? 0 : 1;
}

/** `{ ledger }`, or what was in the way: `{ error }`, or `{ status, problem, retryAfter }`. */
async function ask(base, { subscription, since, until }) {
  let url;
  try {
    url = new URL(`${base.replace(/\/+$/, '')}/api/v1/stats/ledger`);
  } catch {
    return { error: new Error('it is no URL') };
  }
  const query = { subscription_id: subscription, since, until };
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  const key = process.env.API_KEY;
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const body = await response.json().catch(() => null);
    if (response.status === 200 && typeof body?.balanced === 'boolean') return { ledger: body };
    return { status: response.status, problem: body, retryAfter: response.headers.get('retry-after') };
  } catch (error) {
    return { error: error.cause ?? error };
  }
}
