import { createApiServer, type ApiServer, type Authenticate } from '@milena/http';
import {
  listening,
  type Clock,
  type Logger,
  type Metrics,
  type ProcessPart,
  type Readiness,
} from '@milena/runtime';
import type { AllInOneConfig } from './config.ts';
import { homePage, type Endpoints } from './home.ts';
import type { ServicesPart } from './services-part.ts';

const API_DESCRIPTION =
  'Accepts events, delivers them to every subscribed URL, retries what fails and tells what became of each. ' +
  'Ids are UUIDv7, times RFC 3339 in UTC, errors application/problem+json (RFC 9457), lists are paged by cursor.';

/** Both APIs, their documentation and the home page on one port. Fills in `endpoints` once it listens. */
export function createApiPart(deps: {
  config: AllInOneConfig;
  version: string;
  authenticate: Authenticate;
  readiness: Readiness;
  services: ServicesPart;
  endpoints: Endpoints;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}): ProcessPart {
  const { config, version, services, endpoints } = deps;
  const home = (): string => homePage(endpoints, version, config.API_KEY !== '');
  let server: ApiServer | null = null;
  return {
    name: 'API server',
    start: async () => {
      server = createApiServer({
        ...deps,
        title: 'Milena',
        description: API_DESCRIPTION,
        routes: services.routes(),
        host: config.HOST,
        port: config.PORT,
        ready: () => deps.readiness.report(),
        extraPages: { '/': { content_type: 'text/html; charset=utf-8', body: home } },
      });
      endpoints.api = (await listening('PORT', server.start())).url;
      endpoints.docs = `${endpoints.api}/docs`;
    },
    stop: async (deadlineMs) => {
      await server?.stop(deadlineMs);
    },
  };
}
