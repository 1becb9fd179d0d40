import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from './clock.ts';
import { sampleEventLoopLag } from './event-loop-lag.ts';
import type { Logger } from './logger.ts';
import { metricsText, type Metrics, type MetricsOfThread } from './metrics.ts';
import { takesWork, type Readiness } from './ready.ts';

export interface AdminServer {
  /** Rejects when the address can't be listened on. */
  start(): Promise<{ host: string; port: number; url: string }>;
  stop(): Promise<void>;
}

/** `/health`, `/ready` and `/metrics` on a port of their own, that only operators reach. Samples the event loop too. */
export function createAdminServer(options: {
  host: string;
  /** 0 = any free one. */
  port: number;
  readiness: Pick<Readiness, 'report'>;
  metrics: Pick<Metrics, 'registry' | 'ofProcess' | 'eventLoopLag'>;
  /** What another thread counts. */
  metricsOfThread?(): Promise<MetricsOfThread>;
  clock: Clock;
  logger: Logger;
}): AdminServer {
  const { readiness, metrics, logger } = options;
  let stopSampling = (): void => undefined;

  const answer = async (path: string, res: ServerResponse): Promise<void> => {
    if (path === '/health') {
      sendJson(res, 200, { status: 'up' });
    } else if (path === '/ready') {
      const report = await readiness.report();
      sendJson(res, takesWork(report) ? 200 : 503, report);
    } else if (path === '/metrics') {
      const text = await metricsText(metrics, await options.metricsOfThread?.());
      res.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
    } else {
      sendJson(res, 404, { error: 'Here are /health, /ready and /metrics.' });
    }
  };
  const server = createServer((req, res) => {
    const path = (req.url ?? '').split('?')[0] ?? '';
    answer(path, res).catch((error: unknown) => {
      logger.error({ event: 'admin.failed', path, err: error });
      res.destroy();
    });
  });

  return {
    start: async () => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      stopSampling = sampleEventLoopLag(metrics, options.clock);
      const { port } = server.address() as AddressInfo;
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      return { host: options.host, port, url: `http://${host}:${port}` };
    },
    stop: () => {
      stopSampling();
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        // Scrapes are short and come again: none is worth waiting for.
        server.closeAllConnections();
      });
    },
  };
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
