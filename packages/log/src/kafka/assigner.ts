import {
  AssignerProtocol,
  type Cluster,
  type GroupMember as EncodedMember,
  type GroupMemberAssignment,
  type PartitionAssigner,
} from 'kafkajs';
import { assignPartitions } from '../assignment.ts';

const { MemberAssignment, MemberMetadata } = AssignerProtocol;

/** Name of the protocol between the members of a group; all of them must speak the same. */
const NAME = 'milena-copartitioned-sticky';
const VERSION = 1;

/** A member of a group as whoever assigns sees it. */
export interface GroupMember {
  id: string;
  topics: readonly string[];
  /** The partition numbers that it says are its own. */
  owned: readonly number[];
}

/**
 * Partition n of every topic goes to the same member, and as few numbers as possible move. A member gets its numbers of
 * the topics that it subscribes to: while a group's topics change, those of a topic that the owner doesn't know wait.
 *
 * @returns topics and partition numbers by member id
 */
export function shareOut(
  members: readonly GroupMember[],
  partitions: number,
): Map<string, Record<string, number[]>> {
  // Sorted, so that every leader comes to the same result.
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const owners = Array.from<unknown, string | null>({ length: partitions }, () => null);
  for (const { id, owned } of sorted) {
    // Two may claim a number when one of them was away for a rebalance; either will do.
    for (const n of owned) if (n < partitions) owners[n] ??= id;
  }
  const assigned = assignPartitions(
    owners,
    sorted.map(({ id }) => id),
  );
  return new Map(
    sorted.map(({ id, topics }) => {
      const numbers = [...assigned.keys()].filter((n) => assigned[n] === id);
      return [id, Object.fromEntries(topics.map((topic) => [topic, numbers]))];
    }),
  );
}

/**
 * @param owned the partition numbers that this member has now
 * @param onCluster is given kafkajs's view of the cluster when a consumer is made
 */
export function createAssigner(
  owned: () => readonly number[],
  onCluster: (cluster: Cluster) => void,
): PartitionAssigner {
  return ({ cluster }) => {
    onCluster(cluster);
    return {
      name: NAME,
      version: VERSION,
      protocol: ({ topics }) => ({
        name: NAME,
        metadata: MemberMetadata.encode({ version: VERSION, topics, userData: encodeOwned(owned()) }),
      }),
      assign: ({ members, topics }) => {
        const counts = topics.map((topic) => cluster.findTopicPartitionMetadata(topic).length);
        return Promise.resolve(encodeShares(shareOut(members.map(decodeMember), Math.max(0, ...counts))));
      },
    };
  };
}

function decodeMember({ memberId, memberMetadata }: EncodedMember): GroupMember {
  const metadata = MemberMetadata.decode(memberMetadata);
  const owned = metadata === null ? [] : decodeOwned(metadata.userData);
  return { id: memberId, topics: metadata?.topics ?? [], owned };
}

function encodeShares(shares: ReturnType<typeof shareOut>): GroupMemberAssignment[] {
  return [...shares].map(([memberId, assignment]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: Buffer.alloc(0) }),
  }));
}

function encodeOwned(numbers: readonly number[]): Buffer {
  return Buffer.from(numbers.join(','));
}

/** What can't be read is no claim: a rebalance must not fail for it. */
function decodeOwned(userData: Buffer | null): number[] {
  const text = userData?.toString() ?? '';
  return /^\d+(,\d+)*$/.test(text) ? text.split(',').map(Number) : [];
}
