import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createRequestHasher } from './request-hash.ts';

const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) });
const OLD = key('old', 1);
const NEW = key('new', 2);
const REQUEST = { customer: { id: 'cust_1', phone: '+4930123456' }, lines: [{ sku: 'A', quantity: 1 }] };

const hasher = createRequestHasher([NEW, OLD]);

it('The hash of a request names the newest key, and is the same for the same request in another order', () => {
  const { text } = hasher.hash('ord_1', REQUEST);
  expect(text).toMatch(/^hmac-sha256:new:[\w-]{43}$/);
  const { lines, customer } = REQUEST;
  expect(hasher.hash('ord_1', { lines, customer: { phone: customer.phone, id: customer.id } }).text).toBe(text);
});

it('The hash of a request is another one for another request, about something else, and under another key', () => {
  const { text } = hasher.hash('ord_1', REQUEST);
  const others = [
    hasher.hash('ord_2', REQUEST),
    hasher.hash('ord_1', { ...REQUEST, reference: 'x' }),
    createRequestHasher([key('new', 3)]).hash('ord_1', REQUEST),
  ];
  for (const other of others) {
    expect(other.text).not.toBe(text);
    expect(other.isSameAs(text)).toBe(false);
  }
});

it('The hash of a request is no hash that somebody without the key could make', () => {
  const digests = ['ord_1\0', ''].flatMap((about) =>
    [JSON.stringify(REQUEST), 'cust_1', '+4930123456'].map((text) =>
      createHash('sha256')
        .update(about + text)
        .digest('base64url'),
    ),
  );
  const { text } = hasher.hash('ord_1', REQUEST);
  for (const digest of digests) expect(text).not.toContain(digest);
});

it('The hash of a request is compared under the key that it was made with, as long as that is known', () => {
  const { text } = createRequestHasher([OLD]).hash('ord_1', REQUEST);
  expect(hasher.hash('ord_1', REQUEST).isSameAs(text)).toBe(true);
  expect(hasher.hash('ord_1', { ...REQUEST, reference: 'x' }).isSameAs(text)).toBe(false);
  expect(createRequestHasher([NEW]).hash('ord_1', REQUEST).isSameAs(text)).toBe(false);
});

it('The hash of a request is compared without a key where it was made without one', () => {
  const unkeyed = createHash('sha256')
    .update('{"customer":{"id":"cust_1","phone":"+4930123456"},"lines":[{"quantity":1,"sku":"A"}]}')
    .digest('hex');
  expect(hasher.hash('ord_1', REQUEST).isSameAs(unkeyed)).toBe(true);
  expect(hasher.hash('ord_1', { ...REQUEST, reference: 'x' }).isSameAs(unkeyed)).toBe(false);
});

it.each(['', 'hash', 'hmac-sha256:new:', 'hmac-sha256:nobody:AAAA', 'hmac-sha256:new:AAAA'])(
  'The hash of a request is not the same as %j',
  (stored) => {
    expect(hasher.hash('ord_1', REQUEST).isSameAs(stored)).toBe(false);
  },
);
