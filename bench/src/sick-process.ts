// Endpoints that are no good: /hang answers after 15 s, /fail with 500, /never with 404, /second with 404 to every first
// attempt and 200 to the next, /ok at once. Nothing is counted here.
import { serve } from './wire.ts';

const HANG_MS = 15_000;
const PATH = /^POST (\S+)/;
const FIRST_ATTEMPT = /\r\nx-milena-attempt: 1\r\n/i;

function statusOf(path: string, first: boolean): number {
  if (path === '/fail') return 500;
  // A 404 speaks against the delivery and not against the endpoint: its breaker stays closed.
  return path === '/never' || (path === '/second' && first) ? 404 : 200;
}

serve(({ head }, reply) => {
  const path = PATH.exec(head)?.[1] ?? '';
  if (path === '/hang') setTimeout(reply, HANG_MS, { status: 200, body: 'late' });
  else reply({ status: statusOf(path, FIRST_ATTEMPT.test(`${head}\r\n`)) });
});
