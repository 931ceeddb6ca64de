import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { createNetworkOf } from './client-network.ts';
import type { ApiEnv } from '../http/context.ts';

/** What a request from an address with this header counts as. */
async function networkOf(trustedHops: number, remoteAddress: string, forwarded?: string): Promise<string> {
  const app = new Hono<ApiEnv>();
  const find = createNetworkOf(trustedHops);
  app.get('/', (c) => c.text(find(c)));
  const headers: Record<string, string> = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return (await app.request('/', { headers }, { incoming: { socket: { remoteAddress } } })).text();
}

it.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::9', '2001:db8:1:2::/64'],
  ['', ''],
])('The network of %j is %j', async (address, network) => {
  expect(await networkOf(0, address)).toBe(network);
});

it('The network is not what the client says where there is no proxy', async () => {
  expect(await networkOf(0, '10.0.0.1', '192.0.2.7')).toBe('10.0.0.1');
});

it.each([
  [1, '192.0.2.7', '192.0.2.7'],
  [1, '203.0.113.9, 192.0.2.7', '192.0.2.7'],
  [2, '203.0.113.9, 192.0.2.7, 10.0.0.2', '192.0.2.7'],
  [2, '192.0.2.7', '192.0.2.7'],
  [1, '192.0.2.7:4711', '192.0.2.7'],
  [1, '[2001:db8:1:2::1]:4711', '2001:db8:1:2::/64'],
  [1, 'unknown', '10.0.0.1'],
  [1, undefined, '10.0.0.1'],
])('The network behind %i proxies that say %j is %s', async (hops, forwarded, network) => {
  expect(await networkOf(hops, '10.0.0.1', forwarded)).toBe(network);
});
