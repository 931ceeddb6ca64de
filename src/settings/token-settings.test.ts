import { expect, it } from 'vitest';
import { z } from 'zod';
import { ROLE_NAMES } from '../domain/access/roles.ts';
import { roleContradictions, TOKEN_VARIABLES, tokenSettingsOf } from './token-settings.ts';

const variables = z.object(TOKEN_VARIABLES);
const sourceOf = (env: Readonly<Record<string, string>>) => tokenSettingsOf(variables.parse(env)).roles;

it('Tokens have no roles unless a claim is named for them', () => {
  expect(sourceOf({})).toBeNull();
  expect(sourceOf({ JWT_ROLES_CLAIM: 'groups' })).toMatchObject({ claim: 'groups' });
});

it('A role has its own name at the identity provider unless it is translated', () => {
  const names = (text: string) => sourceOf({ JWT_ROLES_CLAIM: 'roles', JWT_ROLES: text })?.names ?? new Map();
  expect([...names('')]).toEqual(ROLE_NAMES.map((role) => [role, role]));
  const translated = names('shop agents = support, cn=Owners=admin,bosses=admin');
  expect(translated.get('shop agents')).toBe('support');
  // The name of a group may contain the sign itself; the last one counts.
  expect(translated.get('cn=Owners')).toBe('admin');
  expect(translated.get('bosses')).toBe('admin');
  // The name that a translated role would have had gives nothing any more.
  expect(translated.get('admin')).toBeUndefined();
  expect(translated.get('finance')).toBe('finance');
});

it.each(['support', 'agents=king', '=admin', 'agents='])('%j is no translation of a role', (text) => {
  const { success, error } = variables.safeParse({ JWT_ROLES_CLAIM: 'roles', JWT_ROLES: text });
  expect(success).toBe(false);
  expect(error?.issues[0]?.message).toContain('is not NAME=customer|storefront|support');
});

it('Names without a claim are a mistake, because they would have no effect', () => {
  expect(roleContradictions({ JWT_ROLES: 'agents=support' })).toHaveLength(1);
  expect(roleContradictions({ JWT_ROLES: 'agents=support', JWT_ROLES_CLAIM: 'roles' })).toEqual([]);
  expect(roleContradictions({})).toEqual([]);
});
