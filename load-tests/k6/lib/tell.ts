// One line for each fact, for whoever verifies the run afterwards: k6 keeps no state over its virtual users.

/** `../../src/told.ts` reads these. */
export type Fact =
  | { fact: 'subscription'; id: string; expected: Expected }
  | { fact: 'accepted'; key: string; delivery_id: string; event_id: string; subscription_id: string }
  | { fact: 'refused'; key: string; status: number }
  | { fact: 'unanswered'; key: string };

/**
 * What becomes of a subscription's deliveries. `delivered`: every one must arrive; `any`: its endpoint is sick, so each
 * must be accounted for; `ended`: it is deleted during the run, so each is delivered or cancelled.
 */
export type Expected = 'delivered' | 'any' | 'ended';

export function tell(fact: Fact): void {
  console.log(JSON.stringify(fact));
}
