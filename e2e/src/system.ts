import { removeDataDir, SERVICES, startAllInOne, startDistributed } from '@milena/testing';

/** Milena as it runs, from outside. */
export interface System {
  /** Of the subscriptions API. */
  api: string;
  /** Of the ingest API; the same in one process. */
  ingest: string;
  demo_receiver: string;
  /** Memory of the process that delivers, bytes. */
  residentBytes(): Promise<number>;
  /** The newest part of what each process printed. */
  output(): string;
  /** Of every process. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export type StartSystem = (env: Record<string, string>) => Promise<System>;

async function residentBytes(admin: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]);
}

async function metricsOf(admins: readonly string[]): Promise<string> {
  const texts = await Promise.all(admins.map(async (admin) => (await fetch(`${admin}/metrics`)).text()));
  return texts.join('\n');
}

/** One process over embedded parts. */
export const allInOne: StartSystem = async (env) => {
  const milena = await startAllInOne({ env });
  return {
    api: milena.api,
    ingest: milena.api,
    demo_receiver: milena.demo_receiver,
    residentBytes: () => residentBytes(milena.admin),
    output: () => milena.output(),
    metrics: () => metricsOf([milena.admin]),
    close: async () => {
      await milena.stop();
      removeDataDir(milena.dataDir);
    },
  };
};

/** One process for each service, over the real engines. */
export const distributed: StartSystem = async (env) => {
  const milena = await startDistributed({ env });
  const processes = () => SERVICES.flatMap((name) => milena.replicas(name));
  return {
    api: milena.api,
    ingest: milena.ingest,
    demo_receiver: milena.demo_receiver,
    residentBytes: () => residentBytes(milena.replicas('delivery')[0]?.addresses['admin'] ?? ''),
    output: () =>
      processes()
        .map((process) => process.output())
        .join('\n'),
    metrics: () => metricsOf(processes().map(({ addresses }) => addresses['admin'] ?? '')),
    close: () => milena.close(),
  };
};
