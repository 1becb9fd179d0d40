import { createAppendQueue, type Outgoing, type Request } from '../src/kafka/append-queue.ts';
import { LogUnavailableError } from '../src/message-log.ts';

const MANY = 10_000_000;
const outgoing = (count: number, bytes = 100): Outgoing[] =>
  Array.from({ length: count }, (_, n) => ({
    topic: 't',
    message: { key: 'k', value: String(n), partition: 0 },
    bytes,
  }));
const overdue = () => new LogUnavailableError('overdue');
const values = ({ records }: Request) => records.map(({ message }) => message.value);

/** Follows a promise without waiting for it. */
function watch(promise: Promise<void>): { outcome: () => Promise<string> } {
  let outcome = 'open';
  promise.then(
    () => (outcome = 'acked'),
    (error: unknown) => (outcome = (error as Error).message),
  );
  return {
    outcome: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return outcome;
    },
  };
}

describe('appends on their way to Kafka', () => {
  it('many appends share a request, in the order they came', async () => {
    const queue = createAppendQueue(MANY);
    const appends = [2, 3, 1].map((count) => watch(queue.add(outgoing(count), 10)));
    const request = queue.take(0, overdue)!;
    expect(values(request)).toEqual(['0', '1', '0', '1', '2', '0']);
    expect(queue.empty()).toBe(true);
    queue.settle(request, null);
    for (const append of appends) expect(await append.outcome()).toBe('acked');
  });

  it('an append larger than a request goes in several, and is acked with the last', async () => {
    const queue = createAppendQueue(MANY);
    const append = watch(queue.add(outgoing(2_500), 10));
    const sent: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      expect(await append.outcome()).toBe('open');
      const request = queue.take(0, overdue)!;
      sent.push(...values(request));
      queue.settle(request, null);
    }
    expect(sent).toEqual(outgoing(2_500).map(({ message }) => message.value));
    expect(await append.outcome()).toBe('acked');
    expect(queue.take(0, overdue)).toBeNull();
  });

  it('who has waited too long with a part of it sent is told so', async () => {
    const queue = createAppendQueue(MANY);
    const told = (begun: boolean) => new LogUnavailableError(begun ? 'in part' : 'not at all');
    const large = watch(queue.add(outgoing(1_500), 10));
    const small = watch(queue.add(outgoing(1), 10));
    queue.settle(queue.take(0, told)!, null);
    expect(queue.take(11, told)).toBeNull();
    expect(await large.outcome()).toBe('in part');
    expect(await small.outcome()).toBe('not at all');
  });

  it('a record larger than a request goes alone', () => {
    const queue = createAppendQueue(MANY);
    for (const bytes of [100, 2_000_000, 100]) void queue.add(outgoing(1, bytes), 10);
    const sizes = [1, 2, 3].map(() => queue.take(0, overdue)!.records.map(({ bytes }) => bytes));
    expect(sizes).toEqual([[100], [2_000_000], [100]]);
  });

  it('when a request fails, what is left of its appends is not sent, and the others go on', async () => {
    const queue = createAppendQueue(MANY);
    const first = watch(queue.add(outgoing(1), 10));
    const large = watch(queue.add(outgoing(1_500), 10));
    const other = watch(queue.add(outgoing(1), 10));
    queue.settle(queue.take(0, overdue)!, new Error('refused'));
    expect(await first.outcome()).toBe('refused');
    expect(await large.outcome()).toBe('refused');
    const request = queue.take(0, overdue)!;
    expect(request.records).toHaveLength(1);
    queue.settle(request, null);
    expect(await other.outcome()).toBe('acked');
  });

  it('who has waited too long is rejected, and no later than that', async () => {
    const queue = createAppendQueue(MANY);
    const early = watch(queue.add(outgoing(1), 10));
    const late = watch(queue.add(outgoing(1), 20));
    const request = queue.take(15, overdue)!;
    expect(await early.outcome()).toBe('overdue');
    expect(request.deadline).toBe(20);
    expect(await late.outcome()).toBe('open');
  });

  it('more than the bound is refused at once, until some is acked; a single larger append passes', async () => {
    const queue = createAppendQueue(1_000);
    const large = watch(queue.add(outgoing(1, 5_000), 10));
    expect(() => queue.add(outgoing(1), 10)).toThrow(LogUnavailableError);
    queue.settle(queue.take(0, overdue)!, null);
    expect(await large.outcome()).toBe('acked');
    void queue.add(outgoing(10), 10);
    expect(() => queue.add(outgoing(1), 10)).toThrow(LogUnavailableError);
  });
});
