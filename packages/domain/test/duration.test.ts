import { durationSchema, parseDuration } from '@milena/domain';

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['72h', 259_200_000],
    ['5d', 432_000_000],
    ['0s', 0],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(durationSchema.safeParse(text).success).toBe(true);
  });

  it.each([['10'], ['s'], ['1.5s'], ['-1s'], [' 1s'], ['1s '], ['1 s'], ['1S'], ['1w'], ['10s5m'], ['']])(
    'is never guessed from %j',
    (text) => {
      expect(parseDuration(text)).toBeNull();
      expect(durationSchema.safeParse(text).success).toBe(false);
    },
  );
});
