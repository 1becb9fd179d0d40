/** Names of topics and groups: here as the log's users know them, in the cluster with a prefix perhaps. */
export interface Names {
  inCluster(name: string): string;
  /** The user's name of what the cluster calls so. */
  known(name: string): string;
  /** Whether what the cluster calls so may be of this installation: without a prefix, anything. */
  isOurs(name: string): boolean;
}

/** A topic-partition as it is named in the cluster. */
export interface Place {
  topic: string;
  partition: number;
}

export function createNames(prefix = ''): Names {
  return {
    inCluster: (name) => prefix + name,
    known: (name) => name.slice(prefix.length),
    isOurs: (name) => name.startsWith(prefix),
  };
}
