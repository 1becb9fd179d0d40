import { type Client, eventually } from '../client.ts';

/**
 * The API tells of a moment fifteen seconds ago, and what was refused may be in the log all the same: it ends by the
 * greatest age of a delivery. The rest is for a machine that is busy.
 */
const PATIENCE_MS = 120_000;

/** What `GET /stats/ledger` answers, as far as it is looked at here. */
interface Told {
  as_of: string;
  balanced: boolean;
  accepted: number;
  in_motion: { queued: number; retrying: number; held: number };
}

/**
 * Asks the API for the ledger of what was accepted since a time, of a moment after now. Everything has come to its end:
 * the ledger must balance, with nothing in motion, and know every delivery that was answered with 202.
 * @throws Error with what it told instead
 */
export async function expectToldBalanced(client: Client, since: number, accepted: number): Promise<void> {
  const now = Date.now();
  const ask = async (): Promise<Told | null> => {
    const { status, json } = await client.get(`/api/v1/stats/ledger?since=${new Date(since).toISOString()}`);
    return status === 200 ? (json as Told) : null;
  };
  const moving = ({ in_motion }: Told): number =>
    Object.values(in_motion).reduce((sum, count) => sum + count, 0);
  const told = await eventually(
    ask,
    (one) => one !== null && Date.parse(one.as_of) >= now && moving(one) === 0,
    PATIENCE_MS,
  );
  if (told?.balanced === true && told.accepted >= accepted) return;
  throw new Error(`the API's ledger of ${accepted} accepted events: ${JSON.stringify(told, null, 1)}`);
}
