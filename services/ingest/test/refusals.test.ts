import { LogUnavailableError } from '@milena/log';
import { asRefusal } from '../src/refusals.ts';

test.each([
  [new LogUnavailableError('away'), /none was accepted/],
  [new LogUnavailableError('no answer', { maybeAppended: true }), /did not say in time/],
])('%s is a 503 that says whether the event may be in the log', (error, words) => {
  expect(asRefusal(error)).toMatchObject({ status: 503, detail: expect.stringMatching(words) });
});
