/**
 * Shares partitions out among the members of a group: counts differ by one at most, and as few partitions as possible
 * move (a member keeps what it has up to its share). The partition *number* is what is assigned, so partition n of
 * every topic goes to the same member.
 *
 * @param owners the owner of each partition so far, null for none
 * @returns the new owner of each partition; null for all when there are no members
 */
export function assignPartitions<M>(owners: readonly (M | null)[], members: readonly M[]): (M | null)[] {
  if (members.length === 0) return owners.map(() => null);
  const held = new Map<M, number>(members.map((member) => [member, 0]));
  for (const owner of owners) {
    if (owner !== null && held.has(owner)) held.set(owner, (held.get(owner) ?? 0) + 1);
  }
  // Whoever has most already gets the larger shares: that moves least.
  const share = Math.floor(owners.length / members.length);
  const larger = owners.length % members.length;
  const byHeld = [...members].sort((a, b) => (held.get(b) ?? 0) - (held.get(a) ?? 0));
  const room = new Map<M, number>(byHeld.map((member, index) => [member, share + (index < larger ? 1 : 0)]));

  const take = (member: M): boolean => {
    const left = room.get(member) ?? 0;
    if (left > 0) room.set(member, left - 1);
    return left > 0;
  };
  const kept = owners.map((owner) => (owner !== null && take(owner) ? owner : null));
  return kept.map((owner) => owner ?? byHeld.find(take) ?? null);
}
