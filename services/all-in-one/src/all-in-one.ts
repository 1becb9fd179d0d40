import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createDemoReceiver } from '@milena/demo-receiver';
import { createSsrfGuard, type SsrfGuard } from '@milena/egress';
import { assertSafeToListen, createApiKeyAuthenticator } from '@milena/http';
import {
  createAdminServer,
  createLogger,
  createMetrics,
  createReadiness,
  listening,
  systemClock,
  type ProcessPart,
  type ProcessPlan,
} from '@milena/runtime';
import { operatorEndpointOf } from '@milena/subscriptions/wire';
import { version } from '../package.json';
import { createApiPart } from './api-part.ts';
import type { AllInOneConfig } from './config.ts';
import { openDataDir } from './data-dir.ts';
import { startMessage, type Endpoints } from './home.ts';
import { createServicesPart, DEPENDENCIES } from './services-part.ts';

/**
 * The four services in this process over embedded parts, as a list of parts to start in order.
 * @throws ConfigError, DataDirInUseError
 */
export function planAllInOne(config: AllInOneConfig, print: (text: string) => void): ProcessPlan {
  assertSafeToListen(config.HOST, config.API_KEY);
  const guard = guardOf(config);
  const base = {
    config,
    version,
    clock: systemClock,
    logger: createLogger({ service: 'all-in-one', level: config.LOG_LEVEL }),
    metrics: createMetrics({ process: true }),
  };
  const dataDir = openDataDir(config.DATA_DIR);
  const endpoints: Endpoints = { pid: process.pid, api: '', docs: '', admin: '', demo_receiver: '' };

  const services = createServicesPart({ ...base, guard, dataDir });
  const authenticate = createApiKeyAuthenticator({
    ...base,
    apiKey: config.API_KEY,
    keys: { find: (hash) => services.keys().find(hash), any: () => services.keys().any() },
  });
  const readiness = createReadiness(
    DEPENDENCIES.map((name) => ({ name, required: true, check: () => services.check(name) })),
  );
  // Open to everybody who reaches it, so on loopback whatever HOST says.
  const demo = createDemoReceiver({ ...base, host: '127.0.0.1', port: config.DEMO_RECEIVER_PORT });
  const admin = createAdminServer({
    ...base,
    host: config.HOST,
    port: config.ADMIN_PORT,
    readiness,
    metricsOfThread: () => services.metricsOfThread(),
  });

  const parts: ProcessPart[] = [
    {
      name: 'data directory',
      start: () => Promise.resolve(),
      stop: () => {
        dataDir.release();
        return Promise.resolve();
      },
    },
    serverPart('demo receiver', 'DEMO_RECEIVER_PORT', demo, (url) => (endpoints.demo_receiver = url)),
    serverPart('admin server', 'ADMIN_PORT', admin, (url) => (endpoints.admin = url)),
    services,
    createApiPart({ ...base, authenticate, readiness, services, endpoints }),
  ];
  return {
    logger: base.logger,
    parts,
    drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
    readiness,
    onStarted: () => {
      writeEndpoints(path.join(dataDir.path, 'endpoints.json'), endpoints);
      print(startMessage(endpoints, notesOn(config, dataDir.path), config.API_KEY !== ''));
    },
  };
}

function serverPart(
  name: string,
  setting: string,
  server: { start(): Promise<{ url: string }>; stop(): Promise<void> },
  onStarted: (url: string) => void,
): ProcessPart {
  return {
    name,
    start: async () => {
      onStarted((await listening(setting, server.start())).url);
    },
    stop: () => server.stop(),
  };
}

/** @throws ConfigError when the operator's endpoint is none that may be reached */
function guardOf(config: AllInOneConfig): SsrfGuard {
  const guard = createSsrfGuard({ allowedPrivate: config.ALLOWED_PRIVATE_TARGETS });
  operatorEndpointOf(config, guard);
  return guard;
}

/** Renamed into place: whoever waits for the file never reads half of it. */
function writeEndpoints(file: string, endpoints: Endpoints): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(endpoints)}\n`);
  renameSync(`${file}.new`, file);
}

/** What one should know about this configuration, a line each. */
function notesOn(config: AllInOneConfig, dataPath: string): string[] {
  const allowed = config.ALLOWED_PRIVATE_TARGETS.join(', ');
  return [
    `Data is kept in ${dataPath}.`,
    allowed === ''
      ? 'Targets in private, loopback and link-local ranges are refused.'
      : `Targets in ${allowed} are allowed (ALLOWED_PRIVATE_TARGETS); other private ranges are refused.`,
    config.API_KEY === ''
      ? 'No API_KEY is set: the API is on loopback only, and open unless keys are stored.'
      : 'Calls need the key in API_KEY.',
  ];
}
