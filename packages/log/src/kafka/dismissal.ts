import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from 'kafkajs';
import { createAssigner } from './assigner.ts';
import { within, type Clients, type KafkaClient } from './clients.ts';

/** A new session has asked to join by then, if the broker answers at all. */
const ASKED_TO_JOIN_MS = 250;
const LIMIT_MS = 2_000;

/**
 * The group waits for a member that it has not heard of until its session is over. We know better, and say goodbye for
 * it: a broker that was restarted would let us wait for 10 s otherwise. Not before we have asked to join: a group that
 * waits for nobody else is shared out at once, and what we hold would go to others for a moment. And over a connection of
 * its own: on the session's the broker answers nothing else until it has joined. Tries until then; never rejects.
 *
 * @param waiting the new session is still to be given its share
 */
export async function dismissFormer(
  deps: { clients: Clients; group: string; former: string | null },
  waiting: () => boolean,
): Promise<void> {
  const { clients, group, former } = deps;
  if (former === null) return;
  for (;;) {
    await sleep(ASKED_TO_JOIN_MS);
    if (!waiting()) return;
    const client = clients.create(LIMIT_MS);
    try {
      await within(LIMIT_MS, sayGoodbye(client, group, former));
      return;
    } catch {
      // The coordinator is not there yet; or this is no member any more, and the group waits for somebody else.
    } finally {
      client.kill();
    }
  }
}

async function sayGoodbye({ kafka }: KafkaClient, group: string, memberId: string): Promise<void> {
  let cluster: Cluster | null = null;
  const assigner = createAssigner(
    () => [],
    (seen) => {
      cluster = seen;
    },
  );
  // It never joins: a consumer is how one comes by a cluster that knows where the group is.
  await kafka.consumer({ groupId: group, partitionAssigners: [assigner] }).connect();
  const coordinator: object | undefined = await (cluster as Cluster | null)?.findGroupCoordinator({
    groupId: group,
  });
  // Not in kafkajs's types.
  await (coordinator as Partial<Leavable> | undefined)?.leaveGroup?.call(coordinator, {
    groupId: group,
    memberId,
  });
}

interface Leavable {
  leaveGroup: (request: { groupId: string; memberId: string }) => Promise<unknown>;
}
