/** A range that no public service answers from, and what it is for. */
interface SpecialRange {
  cidr: string;
  what: string;
}

/**
 * IPv4 ranges that are not public unicast: IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates),
 * multicast (RFC 5771) and the former class E. Everything else is public.
 */
export const SPECIAL_IPV4: readonly SpecialRange[] = [
  { cidr: '0.0.0.0/8', what: 'this network' },
  { cidr: '10.0.0.0/8', what: 'private' },
  { cidr: '100.64.0.0/10', what: 'shared by carriers' },
  { cidr: '127.0.0.0/8', what: 'loopback' },
  { cidr: '169.254.0.0/16', what: 'link-local, cloud metadata' },
  { cidr: '172.16.0.0/12', what: 'private' },
  { cidr: '192.0.0.0/24', what: 'protocol assignments' },
  { cidr: '192.0.2.0/24', what: 'documentation' },
  { cidr: '192.88.99.0/24', what: '6to4 relays' },
  { cidr: '192.168.0.0/16', what: 'private' },
  { cidr: '198.18.0.0/15', what: 'benchmarking' },
  { cidr: '198.51.100.0/24', what: 'documentation' },
  { cidr: '203.0.113.0/24', what: 'documentation' },
  { cidr: '224.0.0.0/4', what: 'multicast' },
  { cidr: '255.255.255.255/32', what: 'broadcast' },
  { cidr: '240.0.0.0/4', what: 'reserved' },
];

/** The only IPv6 block that public unicast addresses come from (RFC 4291 section 2.4, IANA IPv6 address space). */
export const GLOBAL_IPV6 = '2000::/3';

/**
 * IPv6 ranges refused by name. Those outside 2000::/3 would be refused anyway; they stand here so that the reason says
 * what the address is. 6to4 and Teredo can carry a private IPv4 address past a check and are long deprecated
 * (RFC 7526), so they are refused whole.
 */
export const SPECIAL_IPV6: readonly SpecialRange[] = [
  { cidr: '::/128', what: 'unspecified' },
  { cidr: '::1/128', what: 'loopback' },
  { cidr: '::/96', what: 'IPv4-compatible' },
  { cidr: '64:ff9b:1::/48', what: 'local NAT64' },
  { cidr: '100::/64', what: 'discard' },
  { cidr: '2001::/32', what: 'Teredo' },
  { cidr: '2001::/23', what: 'protocol assignments' },
  { cidr: '2001:db8::/32', what: 'documentation' },
  { cidr: '2002::/16', what: '6to4' },
  { cidr: '3fff::/20', what: 'documentation' },
  { cidr: '5f00::/16', what: 'segment routing' },
  { cidr: 'fc00::/7', what: 'unique local' },
  { cidr: 'fe80::/10', what: 'link-local' },
  { cidr: 'fec0::/10', what: 'site-local' },
  { cidr: 'ff00::/8', what: 'multicast' },
];

/**
 * IPv6 ranges whose last 32 bits are the IPv4 address that is really reached, so that one decides: IPv4-mapped
 * (RFC 4291 section 2.5.5.2) and the well-known NAT64 prefix (RFC 6052), through which hosts in IPv6-only networks reach
 * every public IPv4 service.
 */
export const IPV4_IN_IPV6: readonly string[] = ['::ffff:0:0/96', '64:ff9b::/96'];
