import { expect, it } from 'vitest';
import { isOrderId, orderIdFor, randomId } from './ids.ts';

// Computed by another program: base32(SHA-256(tenant, NUL, key)) in lower case, 26 characters.
it.each([
  ['demo', 'checkout-991', 'ord_ktq72llo74fdkhiwpokcxjveni'],
  ['a', 'b', 'ord_lgzhdlq3xsy5ghkbskmbp5frn6'],
  ['ü', 'key-00000001', 'ord_hvrknngffb654mcnpb3wkjxbbv'],
])('The order id of tenant %s and key %s is %s, forever', (tenant, key, id) => {
  expect(orderIdFor(tenant, key)).toBe(id);
});

it('An order id keeps tenant and key apart, wherever the border between them lies', () => {
  expect(orderIdFor('ab', 'c')).toBe('ord_nqbs4yy5hgqu3bnp67rrsvdk64');
  expect(orderIdFor('a', 'bc')).toBe('ord_ic5vi7mtno6tcmmo4n5mq6m6p3');
});

it('An order id differs between tenants and between keys', () => {
  const ids = ['demo', 'acme'].flatMap((tenant) => ['key-1', 'key-2'].map((key) => orderIdFor(tenant, key)));
  expect(new Set(ids).size).toBe(4);
});

it('An order id is recognized by its form', () => {
  expect(isOrderId(orderIdFor('demo', 'checkout-991'))).toBe(true);
});

it.each([
  '',
  'ord_',
  'ord_ktq72llo74fdkhiwpokcxjven',
  'ord_ktq72llo74fdkhiwpokcxjveniq',
  'ord_KTQ72LLO74FDKHIWPOKCXJVENI',
  'ord_ktq72llo74fdkhiwpokcxjven1',
  'ord_ktq72llo74fdkhiwpokcxjveni\n',
  ' ord_ktq72llo74fdkhiwpokcxjveni',
  'case_ktq72llo74fdkhiwpokcxjveni',
])('The text %j is not an order id', (candidate) => {
  expect(isOrderId(candidate)).toBe(false);
});

it('A random id has its prefix and 26 characters, and comes once', () => {
  const ids = Array.from({ length: 1_000 }, () => randomId('case'));
  expect(ids.every((id) => /^case_[a-z2-7]{26}$/.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(1_000);
});
