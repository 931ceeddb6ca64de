import { SignJWT } from 'jose';
import type { Role } from '../domain/access/roles.ts';
import type { Scope } from '../domain/access/scopes.ts';

/** Issuer and audience that the API expects by default. */
export const TOKEN_ISSUER = 'order-saga';
/** See `TOKEN_ISSUER`. */
export const TOKEN_AUDIENCE = 'order-saga';

/** What to sign. */
export interface DevTokenOptions {
  /** The API's `JWT_SECRET`; its UTF-8 bytes are the HMAC key. */
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly ttlSeconds: number;
  /** None by default; `rolesClaim` says where they stand. */
  readonly roles?: readonly Role[];
  /** `roles` by default. */
  readonly rolesClaim?: string;
  /** `dev` by default. */
  readonly subject?: string;
}

/**
 * Signs a JWT (HS256) with the claims `iss`, `aud`, `sub`, `tenant`, `scope` (words separated by blanks), `iat`, `exp`, and
 * a list of roles if there are any.
 */
export function signDevToken(options: DevTokenOptions): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const { tenant, scopes, roles = [], rolesClaim = 'roles' } = options;
  return new SignJWT({ tenant, scope: scopes.join(' '), ...(roles.length === 0 ? {} : { [rolesClaim]: roles }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(options.issuer)
    .setAudience(options.audience)
    .setSubject(options.subject ?? 'dev')
    .setIssuedAt(now)
    .setExpirationTime(now + options.ttlSeconds)
    .sign(new TextEncoder().encode(options.secret));
}
