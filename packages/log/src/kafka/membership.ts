import type { Broker, Cluster } from 'kafkajs';

/**
 * Keeps a member's name in its group over the breakdown of its consumer. A kafkajs consumer says goodbye when it breaks
 * down, and a new one joins as somebody new. In between, a group that waits for nobody else is shared out without us, and
 * what we hold is others' for a moment; without the goodbye, the group would wait for the old member until its session is
 * over, 10 s by default. Under the name that the group knows, nobody has gone.
 *
 * Requests to join wait for what has to be done before.
 *
 * @param cluster a consumer's, before it joins
 */
export function keepMembership(cluster: Cluster, deps: MembershipDeps): void {
  let name = deps.former;
  const kept = new WeakSet<Broker>();
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (group) => {
    const coordinator = (await find(group)) as Broker & Membership;
    if (kept.has(coordinator)) return coordinator;
    kept.add(coordinator);
    const join = coordinator.joinGroup.bind(coordinator);
    const leave = coordinator.leaveGroup.bind(coordinator);
    coordinator.joinGroup = async (request) => {
      await deps.joins();
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
    coordinator.leaveGroup = async (request) => {
      if (deps.leaves()) await leave(request);
    };
    return coordinator;
  };
}

interface MembershipDeps {
  /** What we were called before, null for a new member. */
  former: string | null;
  /** Whether a goodbye is meant. */
  leaves: () => boolean;
  /** Called before each request to join, which waits for it. */
  joins: () => Promise<void>;
}

/** Not in kafkajs's types. */
interface Membership {
  joinGroup: (request: { memberId: string }) => Promise<unknown>;
  leaveGroup: (request: { memberId: string }) => Promise<unknown>;
}
