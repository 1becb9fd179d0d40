/** A write as lmdb-js tells of it when it is committed: its own cache goes by that, its types lack it. */
interface Write {
  next: Write | null;
  /** Of the first write of a commit: that of the next one. */
  nextTxn?: Write | null;
}

interface Commits {
  /** `next`: the first write of the commit that was made. */
  on(event: 'aftercommit', told: (commit: { next: Write }) => void): void;
}

/**
 * lmdb-js has its writes in a list, and leaves the links between those that are done. From one that has come into old memory,
 * as whatever is under way at a full collection does, they keep all that follow alive for collections of young memory,
 * values included: these copied every write twice and then left it in old memory. So the links of a commit go with the next.
 */
export function cutLinks(db: Commits): void {
  let done: Write | null = null;
  db.on('aftercommit', ({ next }) => {
    // What comes before is never asked for again; from here on the library still goes by the links.
    while (done !== null && done !== next) {
      const following: Write | null = done.next;
      done.next = null;
      if (done.nextTxn) done.nextTxn = null;
      done = following;
    }
    done = next;
  });
}
