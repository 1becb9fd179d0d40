import ipaddr from 'ipaddr.js';
import { createSsrfGuard } from '../src/index.ts';
import { SPECIAL_IPV4, SPECIAL_IPV6 } from '../src/special-ranges.ts';

const strict = createSsrfGuard({ allowedPrivate: [] });

/** First and last address of every range that must be refused, and the neighbours outside when those are public. */
const REFUSED: [first: string, last: string, before: string | null, after: string | null][] = [
  ['0.0.0.0', '0.255.255.255', null, '1.0.0.0'],
  ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0', '239.255.255.255', '223.255.255.255', null],
  ['240.0.0.0', '255.255.255.255', null, null],
  ['::', '::ffff:ffff', null, null],
  ['::1', '::1', null, null],
  ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', null, null],
  ['100::', '100::ffff:ffff:ffff:ffff', null, null],
  ['2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', '2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null],
  ['2001:1::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', null, '2001:200::'],
  [
    '2001:db8::',
    '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db7:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db9::',
  ],
  ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2003::'],
  [
    '3fff::',
    '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff',
    '3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '3fff:1000::',
  ],
  ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
  ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
  ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
  ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
  ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
  // Outside the one block that public addresses come from.
  ['200::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, '2000::'],
  ['4000::', 'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null],
];

describe('addresses', () => {
  it.each(REFUSED)(
    '%s to %s are refused, with a reason, and what lies outside is not',
    (first, last, before, after) => {
      for (const address of [first, last]) {
        const verdict = strict.addressAllowed(address);
        expect(verdict).toMatchObject({ ok: false });
        expect(verdict.ok ? '' : verdict.reason).toMatch(/not public/);
      }
      for (const address of [before, after]) {
        if (address !== null)
          expect([address, strict.addressAllowed(address)]).toEqual([address, { ok: true }]);
      }
    },
  );

  it('every range of the tables is covered by the list above', () => {
    const ranges = [...SPECIAL_IPV4, ...SPECIAL_IPV6].map(({ cidr }) => ipaddr.parseCIDR(cidr));
    const uncovered = ranges.filter(
      ([network, bits]) =>
        !REFUSED.some(([first]) => {
          const address = ipaddr.parse(first);
          return address.kind() === network.kind() && address.match(network, bits);
        }),
    );
    // The broadcast address is the last one of 240.0.0.0/4.
    expect(uncovered.map(([network]) => network.toString())).toEqual(['255.255.255.255']);
  });

  it('the IPv4 address inside a mapped or NAT64 address decides', () => {
    for (const prefix of ['::ffff:', '64:ff9b::']) {
      for (const inner of [
        '127.0.0.1',
        '10.1.2.3',
        '169.254.169.254',
        '192.168.0.1',
        '100.64.0.1',
        '0.0.0.0',
      ]) {
        expect([inner, strict.addressAllowed(prefix + inner).ok]).toEqual([inner, false]);
      }
      expect(strict.addressAllowed(`${prefix}8.8.8.8`)).toEqual({ ok: true });
    }
    expect(strict.addressAllowed('::ffff:7f00:1').ok).toBe(false);
  });

  it('6to4, Teredo and IPv4-compatible forms are refused whatever they carry', () => {
    for (const address of [
      '2002:7f00:1::',
      '2002:808:808::1',
      '2001:0:4136:e378::1',
      '::127.0.0.1',
      '::8.8.8.8',
    ]) {
      expect([address, strict.addressAllowed(address).ok]).toEqual([address, false]);
    }
  });

  it('a link-local address with a zone, and text that is no address, are refused', () => {
    for (const address of ['fe80::1%eth0', '', 'localhost', '1.2.3', '0x7f.1', '10.0.0.1/8']) {
      expect([address, strict.addressAllowed(address).ok]).toEqual([address, false]);
    }
  });

  it('ordinary public addresses are allowed', () => {
    for (const address of [
      '1.1.1.1',
      '8.8.8.8',
      '93.184.215.14',
      '2606:4700:4700::1111',
      '2a00:1450:4001:81b::200e',
    ]) {
      expect([address, strict.addressAllowed(address)]).toEqual([address, { ok: true }]);
    }
  });

  it('listed ranges are allowed, and nothing beyond them', () => {
    const guard = createSsrfGuard({ allowedPrivate: ['10.1.0.0/16', '::1/128', 'fd00::/8', '127.0.0.1/32'] });
    for (const address of ['10.1.0.0', '10.1.255.255', '::ffff:10.1.2.3', '::1', 'fd12::1', '127.0.0.1']) {
      expect([address, guard.addressAllowed(address)]).toEqual([address, { ok: true }]);
    }
    for (const address of ['10.0.255.255', '10.2.0.0', 'fc00::1', '127.0.0.2', '::ffff:127.0.0.2', '::']) {
      expect([address, guard.addressAllowed(address).ok]).toEqual([address, false]);
    }
  });

  it.each([
    '10/8',
    '10.0.0.0',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '010.0.0.0/8',
    'fe80::%1/10',
    '/8',
    '10.0.0.0/',
  ])('an entry that is no CIDR (%s) is an error that names it and shows a right one', (entry) => {
    expect(() => createSsrfGuard({ allowedPrivate: ['127.0.0.0/8', entry] })).toThrow(
      `ALLOWED_PRIVATE_TARGETS: "${entry}" is no CIDR; write a range like 10.0.0.0/8`,
    );
  });

  it('an entry with bits after the prefix is an error that shows both ways to mean it', () => {
    expect(() => createSsrfGuard({ allowedPrivate: ['10.1.2.3/8'] })).toThrow(
      /10\.0\.0\.0\/8.*10\.1\.2\.3\/32/,
    );
    expect(() => createSsrfGuard({ allowedPrivate: ['fd00::1/8'] })).toThrow(/fd00::\/8.*fd00::1\/128/);
  });
});

describe('URLs', () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.0.0.1:8080/x?y=1',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://017700000001/',
    'http://127.0.0.1./',
    'http://①②⑦.0.0.1/',
    'http://%31%32%37.0.0.1/',
    'http://0/',
    'http://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.1.1:8443/',
    'http://100.64.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://0xa9fea9fe/',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]:80/',
    'http://[::]/',
    'http://[fc00::1]/',
    'http://[fe80::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://[2002:7f00:1::]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b:1::7f00:1]/',
    'http://localhost/',
    'http://LOCALHOST:3000/',
    'http://localhost./',
    'http://api.localhost/',
  ])('%s is refused at registration', (url) => {
    const verdict = strict.checkUrl(url);
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.ok ? '' : verdict.reason).toMatch(/not public/);
  });

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'ws://example.com',
    'unix:/tmp/s',
  ])('%s is refused: only http and https', (url) => {
    expect(strict.checkUrl(url)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('http or https'),
    });
  });

  it.each([
    '',
    'example.com',
    '/x',
    'http://',
    'http://[::1',
    'http://1.2.3.4.5/',
    'http://a b/',
    'http://[fe80::1%25eth0]/',
  ])('"%s" is refused: no valid URL', (url) => {
    expect(strict.checkUrl(url)).toEqual({ ok: false, reason: 'is not a valid URL' });
  });

  it('credentials in the URL are refused', () => {
    for (const url of [
      'http://user:pass@example.com/',
      'http://user@example.com/',
      'https://:pass@example.com/',
    ]) {
      expect(strict.checkUrl(url)).toMatchObject({
        ok: false,
        reason: expect.stringContaining('credentials'),
      });
    }
  });

  it('names, and public addresses on any port, pass', () => {
    for (const url of [
      'https://example.com/hook?a=1',
      'http://example.com:8080/',
      'https://8.8.8.8:1/',
      'https://[2606:4700:4700::1111]/x',
      'https://localhost.example.com/',
      'https://notlocalhost/',
    ]) {
      expect([url, strict.checkUrl(url)]).toEqual([url, { ok: true }]);
    }
  });

  it('with loopback allowed, its names and addresses pass', () => {
    const guard = createSsrfGuard({ allowedPrivate: ['127.0.0.0/8'] });
    for (const url of [
      'http://localhost:8090/ok',
      'http://127.0.0.1:8090/ok',
      'http://x.localhost/',
      'http://2130706433/',
    ]) {
      expect([url, guard.checkUrl(url)]).toEqual([url, { ok: true }]);
    }
    expect(guard.checkUrl('http://[::1]/').ok).toBe(false);
  });
});
