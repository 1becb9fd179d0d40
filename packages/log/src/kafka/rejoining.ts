import type { Broker, Cluster } from 'kafkajs';

/**
 * A consumer that takes another's place joins as who that one was. A kafkajs consumer always comes as somebody new, and
 * the group would wait for the former member until its session is over, 10 s by default; dismissed, it would leave a group
 * that is shared out without us for as long as we have not joined, and what we hold would be others' for a moment. Under
 * the name that the group knows, nobody has gone.
 *
 * @param cluster the new consumer's, before it joins
 */
export function rejoinAs(former: string, cluster: Cluster): void {
  let name: string | null = former;
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (about) => {
    const coordinator = (await find(about)) as Broker & Joinable;
    if (name === null || Object.hasOwn(coordinator, 'joinGroup')) return coordinator;
    const join = coordinator.joinGroup.bind(coordinator);
    coordinator.joinGroup = async (request) => {
      if (name === null || request.memberId !== '') return join(request);
      try {
        const joined = await join({ ...request, memberId: name });
        name = null;
        return joined;
      } catch (error) {
        // The group has given it up: then as somebody new.
        if ((error as { type?: unknown }).type === 'UNKNOWN_MEMBER_ID') name = null;
        throw error;
      }
    };
    return coordinator;
  };
}

/** Not in kafkajs's types. */
interface Joinable {
  joinGroup: (request: { memberId: string }) => Promise<unknown>;
}
