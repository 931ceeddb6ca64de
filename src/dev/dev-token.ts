import { SignJWT } from 'jose';
import type { Scope } from '../api/http/context.ts';

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
  /** `dev` by default. */
  readonly subject?: string;
}

/** Signs a JWT (HS256) with the claims `iss`, `aud`, `sub`, `tenant`, `scope` (words separated by blanks), `iat`, `exp`. */
export function signDevToken(options: DevTokenOptions): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ tenant: options.tenant, scope: options.scopes.join(' ') })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(options.issuer)
    .setAudience(options.audience)
    .setSubject(options.subject ?? 'dev')
    .setIssuedAt(now)
    .setExpirationTime(now + options.ttlSeconds)
    .sign(new TextEncoder().encode(options.secret));
}
