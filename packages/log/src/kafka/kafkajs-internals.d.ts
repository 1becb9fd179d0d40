declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    private readonly pending: unknown[];
    scheduleCheckPendingRequests(this: { pending: unknown[] }): void;
  }
}
