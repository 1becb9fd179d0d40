import type { ServiceName } from '@milena/testing';
import { type Engine, stack } from './engines.ts';
import type { World } from './world.ts';

const ROUNDS = 6;

/** mulberry32: the same numbers in [0, 1) for the same seed. */
function createDice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Two faults at a time, one round after the other: services killed or stopped, engines killed or stopped. */
export async function storm(world: World, seed: number): Promise<void> {
  const roll = createDice(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(roll() * from.length)] as T;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  const service = async (name: ServiceName, kill: boolean): Promise<void> => {
    const victim = world.system.replicas(name)[0];
    await (kill ? victim?.kill() : victim?.stop());
    await world.system.add(name);
  };
  const engine = async (name: Engine, kill: boolean, awayMs: number): Promise<void> => {
    await stack(kill ? 'kill' : 'stop', name);
    await pause(awayMs);
    await stack('start', name);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = pick<ServiceName>(['ingest', 'subscriptions', 'delivery', 'recorder']);
    const engineName = pick<Engine>(['kafka', 'postgres', 'redis', 'clickhouse']);
    const [killService, killEngine] = [roll() < 0.5, roll() < 0.3];
    const awayMs = 200 + roll() * 2000;
    process.stdout.write(
      `  round ${round + 1}: ${killService ? 'kill' : 'stop'} ${name}, ${killEngine ? 'kill' : 'stop'} ${engineName}\n`,
    );
    await Promise.all([service(name, killService), engine(engineName, killEngine, awayMs)]);
    await pause(roll() * 1000);
  }
}
