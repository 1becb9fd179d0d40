import type { Expected, Fact } from '../k6/lib/tell.ts';

/** A delivery that a 202 promised. */
export interface Promised {
  /** Of the event, as its body carries it. */
  key: string;
  event_id: string;
  subscription_id: string;
}

/** What k6 told line by line. */
export interface Told {
  /** By delivery id. */
  promised: Map<string, Promised>;
  /** Delivery ids that more than one answer gave. */
  given_twice: string[];
  /** Keys by what came of them. */
  accepted: Set<string>;
  refused: Set<string>;
  unanswered: Set<string>;
  subscriptions: Map<string, Expected>;
}

/** @throws SyntaxError on a line that is no fact: then others may be missing, too */
export function readTold(lines: Iterable<string>): Told {
  const told: Told = {
    promised: new Map(),
    given_twice: [],
    accepted: new Set(),
    refused: new Set(),
    unanswered: new Set(),
    subscriptions: new Map(),
  };
  for (const line of lines) {
    const fact = JSON.parse(line) as Fact;
    if (fact.fact === 'subscription') told.subscriptions.set(fact.id, fact.expected);
    else told[fact.fact].add(fact.key);
    if (fact.fact !== 'accepted') continue;
    const { delivery_id, key, event_id, subscription_id } = fact;
    if (told.promised.has(delivery_id)) told.given_twice.push(delivery_id);
    told.promised.set(delivery_id, { key, event_id, subscription_id });
  }
  return told;
}
