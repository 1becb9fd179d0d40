import type { AttemptView, Outcome } from '@milena/domain';
import type { AttemptReader } from '@milena/stores';

export const BATCH = 500;

/** What a client follows; with a tenant, no other tenant's attempts may become known to it. */
export interface AttemptChoice {
  tenant_id?: string;
  subscription_id?: string;
  outcome?: Outcome;
}

/** Attempts that were stored one after the other, and the mark to go on from. */
export type Batch = Awaited<ReturnType<AttemptReader['tail']>>;

export type Tail = Pick<AttemptReader, 'tail'>;

function mayKnow({ tenant_id }: AttemptChoice, attempt: AttemptView): boolean {
  return tenant_id === undefined || tenant_id === attempt.tenant_id;
}

export function wants(choice: AttemptChoice, attempt: AttemptView): boolean {
  const { subscription_id, outcome } = choice;
  return (
    mayKnow(choice, attempt) &&
    (subscription_id === undefined || subscription_id === attempt.subscription_id) &&
    (outcome === undefined || outcome === attempt.outcome)
  );
}

/** The attempt that the batch's mark names: the last one when there may be more, otherwise none. */
export function namedByMark({ data }: Batch): AttemptView | null {
  return data.length < BATCH ? null : (data.at(-1) ?? null);
}

/** Whether the batch's mark tells the client of nothing that it may not know. */
export function mayHaveMark(choice: AttemptChoice, batch: Batch): boolean {
  const named = namedByMark(batch);
  return named === null || mayKnow(choice, named);
}
