import { removeDataDir, startAllInOne, startDistributed } from '@milena/testing';

/** Milena as it runs, from outside. */
export interface System {
  /** Of the subscriptions API. */
  api: string;
  /** Of the ingest API; the same in one process. */
  ingest: string;
  demo_receiver: string;
  /** Memory of the process that delivers, bytes. */
  residentBytes(): Promise<number>;
  close(): Promise<void>;
}

export type StartSystem = (env: Record<string, string>) => Promise<System>;

async function residentBytes(admin: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]);
}

/** One process over embedded parts. */
export const allInOne: StartSystem = async (env) => {
  const milena = await startAllInOne({ env });
  return {
    api: milena.api,
    ingest: milena.api,
    demo_receiver: milena.demo_receiver,
    residentBytes: () => residentBytes(milena.admin),
    close: async () => {
      await milena.stop();
      removeDataDir(milena.dataDir);
    },
  };
};

/** One process for each service, over the real engines. */
export const distributed: StartSystem = async (env) => {
  const milena = await startDistributed({ env });
  return {
    api: milena.api,
    ingest: milena.ingest,
    demo_receiver: milena.demo_receiver,
    residentBytes: () => residentBytes(milena.replicas('delivery')[0]?.addresses['admin'] ?? ''),
    close: () => milena.close(),
  };
};
