import { z } from 'zod';
import { ROLE_NAMES, type Role, type RoleSource } from '../domain/access/roles.ts';

/** `shop-support=support,shop-admins=admin`; a role that is not named has its own name at the identity provider. */
const roleNames = z.string().transform((text, ctx): ReadonlyMap<string, Role> => {
  const entries = text.split(',').filter((entry) => entry.trim() !== '');
  const pairs = entries.map((entry): [string, string] => {
    const at = entry.lastIndexOf('=');
    return [entry.slice(0, Math.max(at, 0)).trim(), entry.slice(at + 1).trim()];
  });
  for (const [index, [name, role]] of pairs.entries()) {
    if (name !== '' && isRole(role)) continue;
    ctx.addIssue({ code: 'custom', message: `"${entries[index]}" is not NAME=${ROLE_NAMES.join('|')}` });
    return z.NEVER;
  }
  const given = pairs as [string, Role][];
  const renamed = new Set(given.map(([, role]) => role));
  return new Map([...ROLE_NAMES.filter((role) => !renamed.has(role)).map((role) => [role, role] as const), ...given]);
});

function isRole(text: string): text is Role {
  return ROLE_NAMES.some((role) => role === text);
}

/** Names separated by commas; null when there are none. */
const tenantNames = z.string().transform((text): ReadonlySet<string> | null => {
  const names = text.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  return names.length === 0 ? null : new Set(names);
});

/** At most a year. */
const lifetimeSeconds = z.coerce.number().int().min(1).max(31_536_000);

/** Variables that say which tokens are let in, and where they have their roles. */
export const TOKEN_VARIABLES = {
  JWT_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  JWT_JWKS_URL: z.url().optional(),
  JWT_ISSUER: z.string().default('order-saga'),
  JWT_AUDIENCE: z.string().default('order-saga'),
  JWT_MAX_LIFETIME_SECONDS: lifetimeSeconds.default(2_592_000),
  JWT_ROLES_CLAIM: z.string().trim().min(1).optional(),
  JWT_ROLES: roleNames.prefault(''),
  TENANTS: tenantNames.prefault(''),
} as const;

const tokenVariables = z.object(TOKEN_VARIABLES);

/** Names without a claim in which they stand would have no effect. */
export function roleContradictions(given: Readonly<Record<string, unknown>>): string[] {
  const isLost = 'JWT_ROLES' in given && !('JWT_ROLES_CLAIM' in given);
  return isLost ? ['JWT_ROLES: needs JWT_ROLES_CLAIM, the claim in which the roles stand'] : [];
}

/** How tokens are verified; `roles` is null when tokens have scopes only, `tenants` when every tenant is served. */
export function tokenSettingsOf(env: z.output<typeof tokenVariables>) {
  const { JWT_ROLES_CLAIM: claim, JWT_ROLES: names } = env;
  const roles: RoleSource | null = claim === undefined ? null : { claim, names };
  return {
    secret: env.JWT_SECRET ?? null,
    jwksUrl: env.JWT_JWKS_URL ?? null,
    issuer: env.JWT_ISSUER,
    audience: env.JWT_AUDIENCE,
    tenants: env.TENANTS,
    maxLifetimeSeconds: env.JWT_MAX_LIFETIME_SECONDS,
    roles,
  };
}
