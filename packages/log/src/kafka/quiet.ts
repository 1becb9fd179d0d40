import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

interface Queue {
  scheduleCheckPendingRequests: (this: { pending: unknown[] }) => void;
}

/**
 * kafkajs 2.2.4 sets a timer of 1 ms on every connection, for ever, to look at requests that wait for their turn, also
 * when none does (its issue is closed by no release): an idle process of four connections used 5 % of a core for that,
 * and newer Node versions warn of the negative delay. With this the timer is set only when there is something to look at.
 */
export function quietRequestQueues(): void {
  const queue: Queue = RequestQueue.prototype;
  const schedule = queue.scheduleCheckPendingRequests;
  if (schedule.name === quietly.name) return;
  queue.scheduleCheckPendingRequests = quietly;

  function quietly(this: { pending: unknown[] }): void {
    if (this.pending.length > 0) schedule.call(this);
  }
}
