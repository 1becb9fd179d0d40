import { backpressureGuarantees } from './conformance/backpressure.ts';
import { consumingGuarantees } from './conformance/consuming.ts';
import { dueTimeGuarantees } from './conformance/due-times.ts';
import { durabilityGuarantees } from './conformance/durability.ts';
import { groupGuarantees } from './conformance/groups.ts';
import { handOverGuarantees } from './conformance/hand-over.ts';
import type { Hooks } from './conformance/harness.ts';

export type { Hooks, OpenedLog, OpenOptions } from './conformance/harness.ts';

/** What every adapter of the message log guarantees. Knows an adapter only by its hooks. */
export function messageLogConformance(name: string, hooks: Hooks): void {
  describe(`message log on ${name}`, () => {
    describe('durability', () => {
      durabilityGuarantees(hooks);
    });
    describe('consuming', () => {
      consumingGuarantees(hooks);
    });
    describe('back-pressure', () => {
      backpressureGuarantees(hooks);
    });
    describe('due times', () => {
      dueTimeGuarantees(hooks);
    });
    describe('groups', () => {
      groupGuarantees(hooks);
    });
    describe('handing over', () => {
      handOverGuarantees(hooks);
    });
  });
}
