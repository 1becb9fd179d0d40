declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    private readonly pending: unknown[];
    scheduleCheckPendingRequests(this: { pending: unknown[] }): void;
    /** Requests without an answer by their number. */
    inflight: Iterable<[number, unknown]> | object;
    push: (this: RequestQueue, request: unknown) => void;
  }
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    static nextPowerOfTwo: (value: number) => number;
    buf: Buffer;
    offset: number;
    readonly buffer: Buffer;
    ensureAvailable: (this: Encoder, length: number) => void;
    writeUVarInt: (this: Encoder, value: number) => Encoder;
  }
}
