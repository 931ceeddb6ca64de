import { grantedBy, SCOPES, type Scope } from './scopes.ts';

/** What a role may do. */
interface RolePreset {
  readonly scopes: readonly Scope[];
  /** Whether the role reaches only orders that the same person has placed. */
  readonly ownOrdersOnly: boolean;
  readonly description: string;
}

/** All scopes of one tenant. */
const OF_TENANT = SCOPES.filter((scope) => !scope.startsWith('platform:'));

/** The roles that an identity provider can give to a person or a program. */
export const ROLES = {
  customer: {
    scopes: ['orders:place', 'orders:read', 'orders:cancel'],
    ownOrdersOnly: true,
    description: 'a buyer: places orders, and reads and cancels those',
  },
  storefront: {
    scopes: ['orders:place', 'orders:read', 'orders:cancel', 'events:write'],
    ownOrdersOnly: false,
    description: 'the shop that places orders for its buyers; neither captures nor refunds',
  },
  support: {
    scopes: ['orders:read', 'orders:cancel', 'events:read', 'ops:read', 'ops:messages'],
    ownOrdersOnly: false,
    description: 'answers buyers: reads orders and cases, cancels within the window, sends messages again',
  },
  operator: {
    scopes: [
      'orders:read',
      'orders:cancel',
      'events:read',
      'ops:read',
      'ops:cases',
      'ops:retry-with',
      'ops:messages',
      'ops:events',
    ],
    ownOrdersOnly: false,
    description: 'brings parked orders and failed events to their end; neither captures nor refunds',
  },
  finance: {
    scopes: ['orders:read', 'captures:write', 'refunds:write', 'ops:read', 'ops:cases', 'ops:money'],
    ownOrdersOnly: false,
    description: 'captures, refunds, gives back, and decides cases about money by evidence',
  },
  admin: { scopes: OF_TENANT, ownOrdersOnly: false, description: 'everything within one tenant' },
  platform: {
    scopes: ['platform:read', 'platform:write'],
    ownOrdersOnly: false,
    description: 'runs the service: what all tenants share, and no orders',
  },
} as const satisfies Record<string, RolePreset>;
export type Role = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as readonly Role[];

/** Where a token has its roles, and what they are called there. */
export interface RoleSource {
  /** The name of a claim, or the path to one inside others, with dots between the names. */
  readonly claim: string;
  /** Roles by the names of the identity provider. */
  readonly names: ReadonlyMap<string, Role>;
}

/** What a caller may do. */
export interface Grant {
  readonly scopes: ReadonlySet<Scope>;
  /** Those of `scopes` that reach only orders that the caller has placed. */
  readonly ownOnly: ReadonlySet<Scope>;
}

const NOTHING: ReadonlySet<Scope> = new Set();

/**
 * The roles that a token names; empty when it names none that we know.
 *
 * Keycloak nests them (`realm_access.roles`), others use a name that is an address and contains dots itself, so the
 * whole text is looked for first.
 */
export function rolesIn(claims: Readonly<Record<string, unknown>>, source: RoleSource): Role[] {
  const value = Object.hasOwn(claims, source.claim) ? claims[source.claim] : valueAt(claims, source.claim.split('.'));
  const names = typeof value === 'string' ? value.split(/[ ,]+/) : Array.isArray(value) ? value : [];
  return [...new Set(names.flatMap((name) => source.names.get(name as string) ?? []))];
}

function valueAt(claims: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    claims,
  );
}

/**
 * What roles and scopes allow together. A person's roles say what the person may do, the scopes what the program in
 * between may do for the person, so a token with both allows what both allow. A token with one of the two is limited by
 * that one alone.
 */
export function grantOf(roles: readonly Role[], words: ReadonlySet<unknown>): Grant {
  const byScopes = grantedBy(words);
  if (roles.length === 0) return { scopes: byScopes, ownOnly: NOTHING };
  const presets: readonly RolePreset[] = roles.map((role) => ROLES[role]);
  const byRoles = scopesOf(presets);
  const anywhere = scopesOf(presets.filter(({ ownOrdersOnly }) => !ownOrdersOnly));
  const scopes = SCOPES.filter((scope) => byRoles.has(scope) && (byScopes.size === 0 || byScopes.has(scope)));
  return { scopes: new Set(scopes), ownOnly: new Set(scopes.filter((scope) => !anywhere.has(scope))) };
}

function scopesOf(presets: readonly RolePreset[]): ReadonlySet<Scope> {
  return grantedBy(new Set(presets.flatMap(({ scopes }) => scopes)));
}
