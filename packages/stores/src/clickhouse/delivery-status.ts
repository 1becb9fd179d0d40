import type { DeliveryStatus } from '@milena/domain';
import { FACTS } from './schema.ts';

/** Most telling first: a delivery that succeeded stays delivered, whatever else happened to it. */
const PRECEDENCE: readonly (readonly [DeliveryStatus, number])[] = [
  ['filtered', FACTS.filtered],
  ['delivered', FACTS.delivered],
  ['cancelled', FACTS.cancelled],
  ['expired', FACTS.expired],
  ['failed', FACTS.failed],
  ['retrying', FACTS.attempted],
];

/** SQL for the status in terms of `facts`, an expression with the bits of FACTS. */
export function statusExpression(facts: string): string {
  const branches = PRECEDENCE.map(([status, bit]) => `bitAnd(${facts}, ${bit}) != 0, '${status}'`);
  return `multiIf(${branches.join(', ')}, 'queued')`;
}
