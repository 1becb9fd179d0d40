import { eventTypeSchema } from './subscription.ts';

/** Where an event's type may stand, in the order in which it is looked for. */
export interface EventTypeSources {
  /** `X-Event-Type` */
  header: string | undefined;
  /** `event_type` of the query. */
  query: string | undefined;
  /** `X-GitHub-Event` */
  githubHeader: string | undefined;
  /** The parsed payload. */
  body: unknown;
}

export type EventTypeResult =
  | { ok: true; event_type: string | null }
  /** `where` names the header or parameter as its sender knows it. */
  | { ok: false; where: string; message: string };

function isEventType(text: string): boolean {
  return eventTypeSchema.safeParse(text).success;
}

function explicit(where: string, text: string): EventTypeResult {
  if (isEventType(text)) return { ok: true, event_type: text };
  return {
    ok: false,
    where,
    message: 'must be 1 to 128 characters: words of letters, digits, _ or -, joined by dots',
  };
}

/**
 * The type of an event: the first that is there of header, query, GitHub's header and the payload's top-level
 * `event_type` or `type`. What the sender said outright must be well-formed; a field of the payload that doesn't fit
 * means something else to its sender, so it counts as absent. null = the event has no type.
 */
export function eventTypeOf(sources: EventTypeSources): EventTypeResult {
  if (sources.header !== undefined) return explicit('X-Event-Type', sources.header);
  if (sources.query !== undefined) return explicit('event_type', sources.query);
  if (sources.githubHeader !== undefined) return explicit('X-GitHub-Event', sources.githubHeader);
  const { body } = sources;
  if (typeof body !== 'object' || body === null) return { ok: true, event_type: null };
  const fields = body as { event_type?: unknown; type?: unknown };
  for (const field of [fields.event_type, fields.type]) {
    if (typeof field === 'string' && isEventType(field)) return { ok: true, event_type: field };
  }
  return { ok: true, event_type: null };
}
