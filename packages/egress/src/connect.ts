import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Clock } from '@milena/runtime';
import { codeOf, PostFailure } from './failure.ts';
import type { Lookup } from './lookup-line.ts';
import { remember } from './remember.ts';
import { allowedOf, createNames } from './resolve.ts';
import type { SsrfGuard } from './ssrf-guard.ts';
import type { Target } from './target.ts';

/** What a connection in the making tells the attempt it is made for. */
export interface ConnectProgress {
  stage: 'dns' | 'connect' | 'tls' | 'response' | 'body';
  resolved_address: string | null;
  dns_ms: number | null;
  connect_ms: number | null;
  tls_ms: number | null;
}

/** Called once: with an error, or with a socket connected to an address that the guard allows. */
export type Connected = (failure: PostFailure | null, socket: Socket | null) => void;

/** Begins a connection. The function returned abandons it: `done` is not called any more and no socket stays open. */
export type Connect = (target: Target, progress: ConnectProgress, done: Connected) => () => void;

/** Trust settings for https targets; verification itself can't be turned off. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'minVersion'>;

export interface ConnectDeps {
  guard: SsrfGuard;
  clock: Clock;
  /** Default: the system's resolver. */
  lookup?: Lookup | undefined;
  tls?: TlsOptions | undefined;
}

/** With several addresses the next one is tried after this time; Node's 250 ms gives up on working distant hosts. */
const NEXT_ADDRESS_MS = 500;

/** Sessions to resume a TLS connection with, which saves the larger part of a handshake's CPU time. */
const REMEMBERED_TLS_SESSIONS = 1000;

/** Answers Node's own look-up with the addresses that were checked, so that none but those are connected to. */
function answerWith(addresses: readonly string[]): LookupFunction {
  const answers = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const first = answers[0];
    if (options.all === true || first === undefined) callback(null, answers);
    else callback(null, first.address, first.family);
  };
}

type Open = (target: Target, addresses: readonly string[]) => Socket;

function createOpen(tls: TlsOptions | undefined): Open {
  const sessions = new Map<string, Buffer>();
  return (target, addresses) => {
    const options = {
      host: target.host,
      port: target.port,
      lookup: answerWith(addresses),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
      noDelay: true,
    };
    if (!target.secure) return connectTcp(options);
    const session = sessions.get(target.origin);
    const socket = connectTls({
      ...tls,
      ...options,
      ALPNProtocols: ['http/1.1'],
      // RFC 6066 section 3: an address is no server name.
      ...(target.literal === null ? { servername: target.host } : {}),
      ...(session ? { session } : {}),
    });
    return socket.on('session', (fresh) => {
      remember(sessions, target.origin, fresh, REMEMBERED_TLS_SESSIONS);
    });
  };
}

/** An error may still follow the one that was reported; unheard it would end the process. */
const UNHEEDED = (): void => undefined;

/**
 * Follows a socket until it is usable or has failed, and asks the guard about the peer it really has. No listener is left
 * then that knows what the connection was made for: it would keep that POST, body included, for as long as it is open.
 */
function follow(
  socket: Socket,
  target: Target,
  guard: SsrfGuard,
  progress: ConnectProgress,
  done: Connected,
): void {
  progress.stage = 'connect';
  let phaseStartedAt = performance.now();
  const finish = (failure: PostFailure | null): void => {
    socket.off('error', onError).off('connect', onConnect).off('secureConnect', onSecure);
    socket.on('error', UNHEEDED);
    if (failure) socket.destroy();
    done(failure, failure ? null : socket);
  };
  const onError = (error: Error): void => {
    const kind = progress.stage === 'tls' ? 'tls' : 'connect';
    const aim = kind === 'tls' ? 'agree on TLS with' : 'connect to';
    finish(new PostFailure(kind, `Could not ${aim} ${target.host} port ${target.port} (${codeOf(error)}).`));
  };
  const onConnect = (): void => {
    const now = performance.now();
    progress.connect_ms = now - phaseStartedAt;
    phaseStartedAt = now;
    const peer = socket.remoteAddress;
    // Gone again already: the error or the end that follows tells the rest.
    const verdict = peer === undefined ? { ok: true as const } : guard.addressAllowed(peer);
    progress.resolved_address = peer ?? progress.resolved_address;
    if (!verdict.ok) finish(new PostFailure('blocked_target', `Not sent: ${verdict.reason}.`));
    else if (target.secure) progress.stage = 'tls';
    else finish(null);
  };
  const onSecure = (): void => {
    progress.tls_ms = performance.now() - phaseStartedAt;
    finish(null);
  };
  socket.on('error', onError).once('connect', onConnect).once('secureConnect', onSecure);
}

/** One reason for all, so that no stack is made for each. */
const ABANDONED = new Error('Nobody waits for the connection any more');

/** Makes connections for `Target`s, asking the guard about every address right before it is used. */
export function createConnect({ guard, clock, lookup, tls }: ConnectDeps): Connect {
  const names = createNames(guard, clock, lookup);
  const open = createOpen(tls);

  async function addressesOf(
    target: Target,
    progress: ConnectProgress,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    // Node asks no look-up for a literal address, so such a target meets the guard here.
    if (target.literal !== null) return allowedOf(target.host, [target.literal], guard);
    progress.stage = 'dns';
    const startedAt = performance.now();
    const addresses = await names.resolve(target.host, signal);
    progress.dns_ms = performance.now() - startedAt;
    return addresses;
  }

  return (target, progress, done) => {
    const abandonment = new AbortController();
    const { signal } = abandonment;
    let socket: Socket | null = null;
    const report: Connected = (failure, connected) => {
      if (signal.aborted) return;
      // Its addresses may have changed.
      if (failure) names.forget(target.host);
      done(failure, connected);
    };
    addressesOf(target, progress, signal)
      .then((addresses) => {
        if (signal.aborted) return;
        progress.resolved_address = addresses[0] ?? null;
        socket = open(target, addresses);
        follow(socket, target, guard, progress, report);
      })
      .catch((error: unknown) => {
        report(error instanceof PostFailure ? error : new PostFailure('connect', codeOf(error)), null);
      });
    return () => {
      if (socket) names.forget(target.host);
      abandonment.abort(ABANDONED);
      socket?.destroy();
    };
  };
}
