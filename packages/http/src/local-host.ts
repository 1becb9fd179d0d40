import { isOpen } from './authenticator.ts';
import { HttpProblem } from './problem.ts';
import type { Principal } from './route.ts';

const PORT = '(?::\\d*)?';
const LOCAL = new RegExp(
  `^(?:127(?:\\.\\d{1,3}){3}|\\[::1\\]|(?:[a-z\\d](?:[a-z\\d-]*[a-z\\d])?\\.)*localhost\\.?)${PORT}$`,
  'i',
);

/**
 * An open API listens on loopback only, which keeps other machines out, but not a page in a browser on this one: its
 * site's name can be made to resolve to 127.0.0.1 (DNS rebinding). The Host header still tells that name.
 * @throws HttpProblem 403 for a caller that needs no key and asks for a host other than this machine
 */
export function checkHost(caller: Principal | null, host: string | undefined): void {
  if (caller === null || !isOpen(caller) || (host !== undefined && LOCAL.test(host))) return;
  throw new HttpProblem(
    403,
    'forbidden',
    'Without an API key this API answers at localhost only, and the Host header does not name this machine. ' +
      'Call it at http://localhost or http://127.0.0.1, or set API_KEY.',
  );
}
