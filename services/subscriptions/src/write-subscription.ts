import { DEFAULT_TENANT, generateSecret, type Subscription } from '@milena/domain';
import { HttpProblem, notFound } from '@milena/http';
import type { Logger } from '@milena/runtime';
import type { SecretChange, UpdateResult } from '@milena/stores';
import type { z } from 'zod';
import { withCredentials } from './credential-headers.ts';
import type { CallDeps } from './deps.ts';
import { expectedVersion, preconditionFailed, readIfMatch } from './etag.ts';
import { findSubscription } from './find-subscription.ts';
import { forget } from './forget.ts';
import { DEFAULT_RELEASE_RATE, RESUME_GRACE_MS } from './release-rate.ts';
import { mergePatch } from './merge-patch.ts';
import {
  checkInput,
  invalidBody,
  takeSecret,
  type createBody,
  type PatchBody,
  type replaceBody,
} from './subscription-body.ts';

type Headers = Readonly<Record<string, string | undefined>>;

/** A subscription as stored, and its secret when this very write made one. */
export interface Written {
  subscription: Subscription;
  secret: string | null;
}

/** How often a write without If-Match is put on top of somebody else's change before it gives up. */
const WRITE_TRIES = 5;

function secretChange(secret: string | null | undefined): SecretChange {
  if (secret === undefined) return { kind: 'keep' };
  return secret === null ? { kind: 'remove' } : { kind: 'replace', secret };
}

function assertSameTenant(deps: CallDeps, subscription: Subscription, tenantId: string | undefined): void {
  deps.tenantAsked(tenantId);
  if (tenantId === undefined || tenantId === subscription.tenant_id) return;
  throw invalidBody([
    { path: 'tenant_id', message: 'can not change; make a new subscription in the other tenant' },
  ]);
}

/** The rate comes first: when the subscription is no longer paused, its release may begin at any moment. */
async function prepareRelease(
  deps: CallDeps,
  before: Subscription,
  changes: { paused?: boolean },
  ratePerS = DEFAULT_RELEASE_RATE,
): Promise<void> {
  if (!before.paused || changes.paused !== false) return;
  await deps.releases.setRate(before, ratePerS, deps.clock.now() + RESUME_GRACE_MS);
}

/** @throws HttpProblem 404, 412 */
function updated(result: UpdateResult): Subscription {
  if (result.kind === 'missing') throw notFound('subscription');
  if (result.kind === 'stale') throw preconditionFailed(result.subscription.version);
  return result.subscription;
}

async function announce(
  deps: CallDeps,
  subscription: Subscription,
  event: string,
  log: Logger,
): Promise<void> {
  await forget(deps.directory, subscription, log);
  const { id, tenant_id, version } = subscription;
  log.info({ event, subscription_id: id, tenant_id, version });
}

/** @throws HttpProblem 422 */
export async function createSubscription(
  deps: CallDeps,
  body: z.infer<typeof createBody>,
  log: Logger,
): Promise<Written> {
  const { fields, secret, shown } = takeSecret(body);
  const tenant_id = deps.tenantAsked(fields.tenant_id) ?? DEFAULT_TENANT;
  const input = { ...fields, tenant_id, headers: withCredentials(fields.headers, {}) };
  checkInput(input, deps);
  const subscription = await deps.subscriptions.insert(input, secret ?? null);
  await announce(deps, subscription, 'subscription.created', log);
  return { subscription, secret: shown };
}

/**
 * For a write that takes over something of what is stored, so it demands the version that was read: without If-Match it
 * is made anew on top of a change that came in between.
 * @throws HttpProblem 404, 409, 412, and what `write` throws
 */
async function onTop(
  deps: CallDeps,
  id: string,
  headers: Headers,
  write: (before: Subscription, expected: number | null) => Promise<UpdateResult>,
): Promise<Subscription> {
  const condition = readIfMatch(headers);
  for (let tries = 0; tries < WRITE_TRIES; tries += 1) {
    const before = await findSubscription(deps, id);
    const expected = expectedVersion(condition, before.version);
    const result = await write(before, expected);
    if (result.kind !== 'stale' || expected !== null) return updated(result);
  }
  throw new HttpProblem(
    409,
    'conflict',
    'Others keep changing this subscription at the same time; try again.',
  );
}

/**
 * Replaces all that a caller may set. A masked header is filled in from what is stored, and must not bring back what
 * somebody else has replaced meanwhile; a body without masks takes nothing over.
 * @throws HttpProblem 400, 404, 409, 412, 422
 */
export async function replaceSubscription(
  deps: CallDeps,
  id: string,
  body: z.infer<typeof replaceBody>,
  headers: Headers,
  log: Logger,
): Promise<Written> {
  const { fields, secret, shown } = takeSecret(body);
  const { tenant_id, ...given } = fields;
  const subscription = await onTop(deps, id, headers, async (before, expected) => {
    const input = { ...given, headers: withCredentials(given.headers, before.headers) };
    assertSameTenant(deps, before, tenant_id);
    checkInput(input, deps);
    await prepareRelease(deps, before, input);
    const takesOver = Object.entries(given.headers).some(([name, value]) => input.headers[name] !== value);
    const version = takesOver ? before.version : expected;
    return deps.subscriptions.update(id, input, secretChange(secret), version);
  });
  await announce(deps, subscription, 'subscription.replaced', log);
  return { subscription, secret: shown };
}

/**
 * Maps are merged with what is stored, so the write always takes something over.
 * @throws HttpProblem 400, 404, 409, 412, 422
 */
export async function patchSubscription(
  deps: CallDeps,
  id: string,
  body: PatchBody,
  headers: Headers,
  log: Logger,
): Promise<Written> {
  const { fields: patch, secret, shown } = takeSecret(body);
  const subscription = await onTop(deps, id, headers, async (before) => {
    assertSameTenant(deps, before, patch.tenant_id);
    const changes = mergePatch(before, patch);
    checkInput(changes, deps);
    await prepareRelease(deps, before, changes);
    return deps.subscriptions.update(id, changes, secretChange(secret), before.version);
  });
  await announce(deps, subscription, 'subscription.patched', log);
  return { subscription, secret: shown };
}

/**
 * Ends a pause, or sets the rate of a release under way; may be called again.
 * @throws HttpProblem 404
 */
export async function resumeSubscription(
  deps: CallDeps,
  id: string,
  ratePerS: number,
  log: Logger,
): Promise<Subscription> {
  const before = await findSubscription(deps, id);
  if (!before.paused) {
    await deps.releases.setRate(before, ratePerS, deps.clock.now());
    return before;
  }
  await prepareRelease(deps, before, { paused: false }, ratePerS);
  const subscription = updated(
    await deps.subscriptions.update(id, { paused: false }, { kind: 'keep' }, null),
  );
  await announce(deps, subscription, 'subscription.resumed', log);
  return subscription;
}

/** @throws HttpProblem 400, 404, 412 */
export async function deleteSubscription(
  deps: CallDeps,
  id: string,
  headers: Headers,
  log: Logger,
): Promise<void> {
  const condition = readIfMatch(headers);
  const before = await findSubscription(deps, id);
  const expected = expectedVersion(condition, before.version);
  const removed = updated(await deps.subscriptions.remove(id, expected));
  await announce(deps, removed, 'subscription.deleted', log);
}

/**
 * Makes a new secret; the one before stays valid for `graceS` seconds (0 = ends now). Without one before this is its
 * first.
 * @throws HttpProblem 400, 404, 412
 */
export async function rotateSecret(
  deps: CallDeps,
  id: string,
  graceS: number,
  headers: Headers,
  log: Logger,
): Promise<{ subscription: Subscription; secret: string; previous_valid_until: number | null }> {
  const condition = readIfMatch(headers);
  const before = await findSubscription(deps, id);
  const expected = expectedVersion(condition, before.version);
  const secret = generateSecret();
  const keepsOld = before.has_secret && graceS > 0;
  const until = deps.clock.now() + graceS * 1000;
  const change: SecretChange = keepsOld
    ? { kind: 'rotate', secret, old_expires_at: until }
    : { kind: 'replace', secret };
  const subscription = updated(await deps.subscriptions.update(id, {}, change, expected));
  await announce(deps, subscription, 'secret.rotated', log);
  return { subscription, secret, previous_valid_until: keepsOld ? until : null };
}
