import { expect, it } from 'vitest';
import { grantOf, ROLE_NAMES, ROLES, rolesIn, type Role, type RoleSource } from './roles.ts';
import { grantedBy, SCOPES } from './scopes.ts';

const byOwnNames = new Map<string, Role>(ROLE_NAMES.map((role) => [role, role]));
const at = (claim: string): RoleSource => ({ claim, names: byOwnNames });
const words = (...list: string[]) => new Set<unknown>(list);

it.each([
  ['a list', { roles: ['support', 'finance'] }, 'roles'],
  ['a text of words', { roles: 'support finance' }, 'roles'],
  ['a text with commas', { roles: 'support,finance' }, 'roles'],
  ['a path', { realm_access: { roles: ['offline_access', 'support', 'finance'] } }, 'realm_access.roles'],
  ['a name with dots', { 'https://acme.example/roles': ['support', 'finance'] }, 'https://acme.example/roles'],
])('Roles are read from %s', (_, claims, claim) => {
  expect(rolesIn(claims, at(claim))).toEqual(['support', 'finance']);
});

it.each([
  ['an unknown role', { roles: ['king'] }],
  ['a number', { roles: 7 }],
  ['an object', { roles: { admin: true } }],
  ['a nested list', { roles: [['admin']] }],
  ['nothing', {}],
  ['another letter case', { roles: ['Admin'] }],
])('Nobody gets a role by %s', (_, claims) => {
  expect(rolesIn(claims, at('roles'))).toEqual([]);
});

it('A path does not lead into what every object has', () => {
  expect(rolesIn({ a: 'text' }, at('a.constructor.name'))).toEqual([]);
  expect(rolesIn({}, at('__proto__.roles'))).toEqual([]);
});

it('The names of an identity provider are those of the configuration', () => {
  const names = new Map<string, Role>([['shop agents', 'support']]);
  expect(rolesIn({ groups: ['shop agents', 'admin'] }, { claim: 'groups', names })).toEqual(['support']);
});

it('A token without roles has the scopes of earlier versions, with everything that they allowed', () => {
  expect(grantOf([], words('orders:read', 'ops:read'))).toEqual({
    scopes: new Set(['orders:read', 'ops:read']),
    ownOnly: new Set(),
  });
  expect([...grantOf([], words('orders:write')).scopes]).toEqual([
    'orders:write',
    'orders:place',
    'orders:cancel',
    'captures:write',
    'refunds:write',
  ]);
});

it('A role and scopes together allow what both allow, so neither can widen the other', () => {
  for (const role of ROLE_NAMES) {
    for (const scope of SCOPES) {
      const { scopes } = grantOf([role], words(scope));
      const expected = [...grantedBy(words(scope))].filter((one) => grantOf([role], words()).scopes.has(one));
      expect([...scopes], `${role} and ${scope}`).toEqual(expected);
    }
  }
  expect([...grantOf(['storefront'], words('orders:write')).scopes]).toEqual(['orders:place', 'orders:cancel']);
});

it('A customer reaches own orders only, and another role of the same person widens only what it has itself', () => {
  expect([...grantOf(['customer'], words()).ownOnly]).toEqual(ROLES.customer.scopes.toSorted(byList));
  expect([...grantOf(['customer', 'finance'], words()).ownOnly]).toEqual(['orders:place', 'orders:cancel']);
  expect([...grantOf(['customer', 'platform'], words()).ownOnly]).toEqual([
    'orders:place',
    'orders:cancel',
    'orders:read',
  ]);
  expect([...grantOf(['customer', 'support'], words()).ownOnly]).toEqual(['orders:place']);
});

function byList(one: (typeof SCOPES)[number], other: (typeof SCOPES)[number]): number {
  return SCOPES.indexOf(one) - SCOPES.indexOf(other);
}

it('Only the roles that are meant to can move money, change what a case retries with, or reach all tenants', () => {
  const rolesWith = (scope: (typeof SCOPES)[number]) =>
    ROLE_NAMES.filter((role) => grantOf([role], words()).scopes.has(scope));
  expect(rolesWith('refunds:write')).toEqual(['finance', 'admin']);
  expect(rolesWith('captures:write')).toEqual(['finance', 'admin']);
  expect(rolesWith('ops:money')).toEqual(['finance', 'admin']);
  expect(rolesWith('ops:retry-with')).toEqual(['operator', 'admin']);
  expect(rolesWith('platform:read')).toEqual(['platform']);
  expect(rolesWith('platform:write')).toEqual(['platform']);
});
