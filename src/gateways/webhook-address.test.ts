import type { LookupAddress, LookupOptions } from 'node:dns';
import { expect, it } from 'vitest';
import { AddressNotAllowedError, createPublicLookup, isPublicAddress, webhookUrlProblem } from './webhook-address.ts';

/** Grouped by kind; each address would let a tenant reach a service of ours. */
const NOT_PUBLIC: readonly (readonly [string, string])[] = [
  ['unspecified', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['loopback', '127.0.0.1'],
  ['loopback, elsewhere', '127.255.255.254'],
  ['private 10', '10.0.0.1'],
  ['private 172', '172.16.0.1'],
  ['private 172, last', '172.31.255.255'],
  ['private 192', '192.168.1.1'],
  ['execution-grade NAT', '100.64.0.1'],
  ['Alibaba metadata', '100.100.100.200'],
  ['link-local', '169.254.1.1'],
  ['cloud metadata', '169.254.169.254'],
  ['Azure inside', '168.63.129.16'],
  ['Oracle metadata', '192.0.0.192'],
  ['documentation 1', '192.0.2.1'],
  ['documentation 2', '198.51.100.1'],
  ['documentation 3', '203.0.113.1'],
  ['benchmarking', '198.18.0.1'],
  ['6to4 relay', '192.88.99.1'],
  ['multicast', '224.0.0.1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['IPv6 unspecified', '::'],
  ['IPv6 loopback', '::1'],
  ['IPv4-compatible', '::7f00:1'],
  ['IPv4-mapped', '::ffff:127.0.0.1'],
  ['IPv4-mapped, public inside', '::ffff:8.8.8.8'],
  ['IPv4-translated', '::ffff:0:127.0.0.1'],
  ['NAT64', '64:ff9b::7f00:1'],
  ['NAT64, local use', '64:ff9b:1::1'],
  ['6to4', '2002:7f00:1::'],
  ['Teredo', '2001:0:1::1'],
  ['IPv6 documentation', '2001:db8::1'],
  ['IPv6 documentation, new', '3fff::1'],
  ['unique local', 'fd00::1'],
  ['AWS metadata', 'fd00:ec2::254'],
  ['link-local IPv6', 'fe80::1'],
  ['link-local with zone', 'fe80::1%eth0'],
  ['site-local', 'fec0::1'],
  ['IPv6 multicast', 'ff02::1'],
  ['discard', '100::1'],
  ['not assigned', '4000::1'],
  ['no address', 'localhost'],
];

/** Notations of addresses that are not public, as the host of a URL. */
const TRICKS: readonly string[] = [
  'https://127.0.0.1/',
  'https://127.0.0.1./',
  'https://127.1/',
  'https://127.0.1/',
  'https://0177.0.0.1/',
  'https://0x7f.0.0.1/',
  'https://0x7f000001/',
  'https://2130706433/',
  'https://017700000001/',
  'https://%31%32%37.0.0.1/',
  'https://１２７.0.0.1/',
  'https://127。0。0。1/',
  'https://0/',
  'https://0.0.0.0:6443/',
  'https://2852039166/latest/meta-data/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[0:0:0:0:0:ffff:127.0.0.1]/',
  'https://[64:ff9b::169.254.169.254]/',
  'https://[fe80::1%25eth0]/',
  'https://[fd00:ec2::254]/',
  'https://localhost/',
  'https://localhost./',
  'https://LOCALHOST/',
  'https://api.localhost/',
  'https://user@shop.example.com/',
  'https://user:password@shop.example.com/',
  'https://shop.example.com@127.0.0.1/',
  'https://127.0.0.1\\@shop.example.com/',
  'https:/\\127.0.0.1/',
  'http://shop.example.com/',
  'ftp://shop.example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_FLUSHALL',
  'javascript:alert(1)',
  'data:text/plain,x',
  '//shop.example.com/',
  'shop.example.com',
  'https://',
  'https://shop.example.com/#fragment',
  `https://shop.example.com/${'x'.repeat(2_048)}`,
  '',
];

it.each(NOT_PUBLIC)('An address that is %s is not public: %s', (_, address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
  'An address like %s is public',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

it.each(TRICKS)('The address of a webhook may not be %j', (address) => {
  expect(webhookUrlProblem(address, false)).toEqual(expect.stringMatching(/^must /));
});

it.each([
  'https://shop.example.com/hooks',
  'https://shop.example.com:8443/hooks?token=1',
  'https://8.8.8.8/',
  'https://[2606:4700:4700::1111]/',
  'https://localhost.example.com/',
])('The address of a webhook may be %s', (address) => {
  expect(webhookUrlProblem(address, false)).toBeNull();
});

it('The address of a webhook may be http and private only where a setting allows it, and still holds no password', () => {
  expect(webhookUrlProblem('http://127.0.0.1:3000/hook', true)).toBeNull();
  expect(webhookUrlProblem('http://localhost:3000/hook', true)).toBeNull();
  expect(webhookUrlProblem('http://user:password@127.0.0.1/', true)).not.toBeNull();
  expect(webhookUrlProblem('file:///etc/passwd', true)).not.toBeNull();
});

const answer = (
  addresses: readonly string[],
  options: LookupOptions = { all: true },
): Promise<string | LookupAddress[]> =>
  new Promise((resolve, reject) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    createPublicLookup(() => Promise.resolve(found))('shop.example.com', options, (error, address) => {
      if (error === null) resolve(address);
      else reject(error);
    });
  });

it('The look-up of a name answers what it has checked, in the form that was asked for', async () => {
  expect(await answer(['8.8.8.8', '1.1.1.1'])).toEqual([
    { address: '8.8.8.8', family: 4 },
    { address: '1.1.1.1', family: 4 },
  ]);
  expect(await answer(['8.8.8.8'], {})).toBe('8.8.8.8');
});

it.each([
  ['none', []],
  ['a private one', ['10.0.0.1']],
  ['a private one behind a public one', ['8.8.8.8', '127.0.0.1']],
  ['a mapped one', ['::ffff:169.254.169.254']],
])('The look-up of a name refuses a name with %s of its addresses', async (_, addresses) => {
  await expect(answer(addresses)).rejects.toBeInstanceOf(AddressNotAllowedError);
  await expect(answer(addresses, {})).rejects.toBeInstanceOf(AddressNotAllowedError);
});

it('The look-up of a name hands on that a name does not exist', async () => {
  const lookup = createPublicLookup(() => Promise.reject(new Error('ENOTFOUND')));
  const failed = new Promise((resolve) => {
    lookup('nowhere.example.com', {}, resolve);
  });
  expect(await failed).toMatchObject({ message: 'ENOTFOUND' });
});
