import { isIP } from 'node:net';
import { OperatorError } from '@milena/runtime';
import ipaddr from 'ipaddr.js';
import { GLOBAL_IPV6, IPV4_IN_IPV6, SPECIAL_IPV4, SPECIAL_IPV6 } from './special-ranges.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, number];

export type Verdict = { ok: true } | { ok: false; reason: string };

/** Says which targets may be reached. Holds no state and does no I/O. */
export interface SsrfGuard {
  /**
   * Judges a URL as text, at registration: http or https, no credentials, and no address or name that is private for
   * certain. A name that only resolves to a private address passes here and is refused by `addressAllowed`.
   */
  checkUrl(url: string): Verdict;
  /** Judges the address a connection is about to be made to. Anything that is no IP address is refused. */
  addressAllowed(ip: string): Verdict;
}

const ALLOWED: Verdict = { ok: true };

function matches(address: Address, [network, bits]: Range): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

/** @param text an IP address as `isIP` has it */
function parseAddress(text: string): Address {
  if (isIP(text) === 4) return ipaddr.IPv4.parse(text);
  // ipaddr.js reads ::1.2.3.4 as ::ffff:1.2.3.4, which is another address; in hexadecimal there is one way to read it.
  const hex = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)/, (_all, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  return ipaddr.IPv6.parse(hex);
}

const compile = ({ cidr, what }: { cidr: string; what: string }) => ({
  cidr,
  what,
  range: ipaddr.parseCIDR(cidr),
});

/** Strict, since a CIDR read wrongly would open a network nobody meant: `10/8` would otherwise mean 0.0.0.10/8. */
function parseAllowed(entry: string): Range {
  const [address = '', bits = '', ...rest] = entry.split('/');
  const maxBits = isIP(address) === 6 ? 128 : 32;
  const valid =
    isIP(address) > 0 &&
    rest.length === 0 &&
    /^\d{1,3}$/.test(bits) &&
    Number(bits) <= maxBits &&
    !address.includes('%');
  if (!valid) {
    throw new OperatorError(
      `ALLOWED_PRIVATE_TARGETS: "${entry}" is no CIDR; write a range like 10.0.0.0/8 or fd00::/8, one address like 10.1.2.3/32`,
    );
  }
  const range: Range = [parseAddress(address), Number(bits)];
  const network = ipaddr[maxBits === 128 ? 'IPv6' : 'IPv4']
    .networkAddressFromCIDR(`${range[0].toString()}/${bits}`)
    .toString();
  if (network !== range[0].toString()) {
    throw new OperatorError(
      `ALLOWED_PRIVATE_TARGETS: "${entry}" has bits set after the prefix; write ${network}/${bits} for the whole range, or ${address}/${maxBits} for this address`,
    );
  }
  return range;
}

function isLocalhost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost');
}

/** The IP address a URL's hostname is, in any notation (URL parsing has normalised it), or null when it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) > 0 ? bare : null;
}

/**
 * @param options.allowedPrivate CIDRs that targets may lie in although they are not public (`ALLOWED_PRIVATE_TARGETS`)
 * @throws Error that names the entry and shows a right one, when an entry is no CIDR
 */
export function createSsrfGuard(options: { allowedPrivate: readonly string[] }): SsrfGuard {
  const allowed = options.allowedPrivate.map(parseAllowed);
  const specialIpv4 = SPECIAL_IPV4.map(compile);
  const specialIpv6 = SPECIAL_IPV6.map(compile);
  const ipv4InIpv6 = IPV4_IN_IPV6.map((cidr) => ipaddr.parseCIDR(cidr));
  const globalIpv6 = ipaddr.parseCIDR(GLOBAL_IPV6);

  function judge(address: Address): Verdict {
    if (allowed.some((range) => matches(address, range))) return ALLOWED;
    if (address instanceof ipaddr.IPv6 && ipv4InIpv6.some((range) => matches(address, range))) {
      return judge(new ipaddr.IPv4(address.toByteArray().slice(12)));
    }
    const isIpv6 = address.kind() === 'ipv6';
    const special = (isIpv6 ? specialIpv6 : specialIpv4).find(({ range }) => matches(address, range));
    if (special) {
      return {
        ok: false,
        reason: `${address.toString()} lies in ${special.cidr} (${special.what}), which is not public`,
      };
    }
    if (isIpv6 && !matches(address, globalIpv6)) {
      return { ok: false, reason: `${address.toString()} lies outside ${GLOBAL_IPV6}, so it is not public` };
    }
    return ALLOWED;
  }

  function addressAllowed(ip: string): Verdict {
    if (isIP(ip) === 0) return { ok: false, reason: `"${ip}" is no IP address` };
    return judge(parseAddress(ip));
  }

  function checkUrl(text: string): Verdict {
    if (!URL.canParse(text)) return { ok: false, reason: 'is not a valid URL' };
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      return { ok: false, reason: `must be an http or https URL, not ${url.protocol}` };
    }
    if (url.username !== '' || url.password !== '') {
      return { ok: false, reason: 'must not carry credentials; use a header instead' };
    }
    const literal = literalAddress(url.hostname);
    if (literal !== null) return addressAllowed(literal);
    if (isLocalhost(url.hostname) && !addressAllowed('127.0.0.1').ok && !addressAllowed('::1').ok) {
      return { ok: false, reason: `${url.hostname} is this machine (loopback), which is not public` };
    }
    return ALLOWED;
  }

  return { checkUrl, addressAllowed };
}
