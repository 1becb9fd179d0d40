import { curlOf, isCredentialHeader, type AttemptView, type CurlHeader, type EventRow } from '@milena/domain';
import type { SentWith } from '@milena/stores';
import type { CallDeps } from './deps.ts';

type AttemptDetail = AttemptView & { curl: string };

const SIGNATURE_HOW = 'v1, then base64 of HMAC-SHA256 over webhook-id.webhook-timestamp.body with the secret';
const HUB_SIGNATURE_HOW = 'sha256= and hex of HMAC-SHA256 over the body with the secret';

/** Attempts of one delivery, each with a command that makes its request once more. */
export async function withCurl(
  deps: Pick<CallDeps, 'deliveries' | 'formerSubscriptions' | 'config'>,
  attempts: readonly AttemptView[],
): Promise<AttemptDetail[]> {
  const [first] = attempts;
  if (first === undefined) return [];
  const [event, former] = await Promise.all([
    deps.deliveries.event(first.delivery_id),
    deps.formerSubscriptions.at(
      first.subscription_id,
      attempts.map(({ subscription_version }) => subscription_version),
    ),
  ]);
  const { userAgent } = deps.config;
  return attempts.map((attempt) => {
    const sentWith = former.get(attempt.subscription_version) ?? null;
    return { ...attempt, curl: curlOfAttempt(attempt, { event, sentWith, userAgent }) };
  });
}

/**
 * `event` null: it is not known any more, then the payload is asked for when the command runs. `sentWith` null: neither is
 * the subscription as it was, then what it added is left out.
 */
function curlOfAttempt(
  attempt: AttemptView,
  known: { event: EventRow | null; sentWith: SentWith | null; userAgent: string },
): string {
  return curlOf({
    url: attempt.target_url,
    headers: headersOf(attempt, known),
    payload: known.event?.payload ?? null,
    payloadPath: `/api/v1/deliveries/${attempt.delivery_id}/payload`,
  });
}

/** As `services/delivery` sends them; an end-to-end test compares the two. */
function headersOf(
  attempt: AttemptView,
  { event, sentWith, userAgent }: Parameters<typeof curlOfAttempt>[1],
): CurlHeader[] {
  const headers: CurlHeader[] = [{ name: 'user-agent', value: userAgent }];
  // A replay to another URL goes without the subscription's own headers.
  if (sentWith?.target_url === attempt.target_url) headers.push(...ownHeaders(sentWith.headers));
  const add = (name: string, value: string | null): void => {
    if (value !== null) headers.push({ name, value });
  };
  add('content-type', event?.content_type ?? 'application/json');
  add('x-milena-delivery-id', attempt.delivery_id);
  add('x-milena-attempt', String(attempt.attempt_number));
  add('webhook-id', attempt.event_id);
  // Receivers refuse one that is older than five minutes, so it can be another.
  const timestamp = String(Math.floor(Date.parse(attempt.started_at) / 1000));
  headers.push({ name: 'webhook-timestamp', variable: 'WEBHOOK_TIMESTAMP', value: timestamp });
  add('x-event-type', attempt.event_type);
  add('traceparent', event?.traceparent ?? null);
  add('x-milena-replay-of', attempt.replay_of);
  if (sentWith?.has_secret === true) {
    headers.push(
      { name: 'webhook-signature', variable: 'WEBHOOK_SIGNATURE', how: SIGNATURE_HOW },
      { name: 'x-hub-signature-256', variable: 'HUB_SIGNATURE', how: HUB_SIGNATURE_HOW },
    );
  }
  return headers;
}

function ownHeaders(headers: Readonly<Record<string, string>>): CurlHeader[] {
  const taken = new Set<string>();
  return Object.entries(headers).map(([name, value]): CurlHeader => {
    if (!isCredentialHeader(name)) return { name, value };
    let variable = `HEADER_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
    while (taken.has(variable)) variable += '_';
    taken.add(variable);
    return { name, variable, how: 'the value of this header of the subscription' };
  });
}
