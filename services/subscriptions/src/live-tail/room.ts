import { HttpProblem, isOpen, type Principal } from '@milena/http';

/** Who follows the live tail, as far as it counts for how often. */
export type Follower = Pick<Principal, 'name' | 'tenant_id'> | null;

export interface Bounds {
  /** Clients at once. */
  all: number;
  /** Of them, those of one tenant, or of one key that is bound to none. */
  each: number;
}

/** A tenant's keys count together: it can make more of them. Null = there is nobody to tell apart. */
function sharing(follower: Follower): string | null {
  if (follower === null || isOpen(follower)) return null;
  return follower.tenant_id === null ? `key ${follower.name}` : `tenant ${follower.tenant_id}`;
}

/**
 * Leaves room for others: one caller alone can not shut everybody out.
 * @throws HttpProblem 429 when the bound of the caller is reached, 503 when that of all is or the tail was closed
 */
export function assertRoom(
  members: readonly { follower: Follower }[] | 'closed',
  follower: Follower,
  { all, each }: Bounds,
): void {
  if (members === 'closed') throw tooMany(503, 'The service is stopping.');
  const share = sharing(follower);
  const own = members.filter((member) => sharing(member.follower) === share).length;
  if (share !== null && own >= each) {
    const whose = follower?.tenant_id === null ? 'key' : 'tenant';
    throw tooMany(
      429,
      `Clients of this ${whose} follow the live tail ${each} times already, which is the most.`,
    );
  }
  if (members.length >= all) {
    throw tooMany(
      503,
      `${all} clients of all callers together follow the live tail already, which is the most.`,
    );
  }
}

function tooMany(status: 429 | 503, detail: string): HttpProblem {
  return new HttpProblem(status, 'too-many-listeners', detail, { headers: { 'retry-after': '10' } });
}
