/**
 * What a token may allow: within its own tenant, except for `platform:`, which covers services that all tenants share.
 */
export const SCOPES = [
  'orders:write',
  'orders:place',
  'orders:cancel',
  'captures:write',
  'refunds:write',
  'orders:read',
  'catalog:write',
  'events:write',
  'events:read',
  'webhooks:write',
  'customers:erase',
  'ops:read',
  'ops:write',
  'ops:cases',
  'ops:retry-with',
  'ops:messages',
  'ops:events',
  'ops:money',
  'platform:read',
  'platform:write',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Scopes that stand for several others: a token with the first has them all. */
export const SCOPE_BUNDLES: Partial<Record<Scope, readonly Scope[]>> = {
  'orders:write': ['orders:place', 'orders:cancel', 'captures:write', 'refunds:write'],
  'ops:write': ['ops:cases', 'ops:retry-with', 'ops:messages', 'ops:events'],
};

/** The scopes that a token may have one of to do what needs `scope`: itself, and the bundles that contain it. */
export function scopesFor(scope: Scope): readonly Scope[] {
  return [scope, ...SCOPES.filter((bundle) => SCOPE_BUNDLES[bundle]?.includes(scope))];
}

/** The scopes that the words of a token grant, with everything that their bundles contain; other words grant nothing. */
export function grantedBy(words: ReadonlySet<unknown>): ReadonlySet<Scope> {
  return new Set(SCOPES.filter((scope) => scopesFor(scope).some((alternative) => words.has(alternative))));
}
