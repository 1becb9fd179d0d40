import type { Clock } from '@milena/runtime';
import type { OperatorStore } from '../../operator-ports.ts';
import type { Postgres } from '../client.ts';
import type { SecretBox } from '../secret-box.ts';
import { changeOperator, insertOperator, removeOperator } from './keep.ts';
import { takeNotices } from './take.ts';

export function createOperatorStore(deps: {
  pg: Postgres;
  secretBox: SecretBox;
  clock: Clock;
}): OperatorStore {
  const { pg, clock } = deps;
  return {
    keep: async (wanted) => {
      if (wanted === null) return removeOperator(pg);
      return (await insertOperator(deps, wanted)) || (await changeOperator(deps, wanted));
    },
    take: (take, work) => takeNotices({ pg, nowMs: clock.now() }, take, work),
  };
}
