import type { JWTPayload, ProtectedHeaderParameters } from 'jose';
import type { Caller } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { grantOf, rolesIn, type RoleSource } from '../../domain/access/roles.ts';

/** Tolerated difference between our clock and the issuer's. */
export const CLOCK_TOLERANCE_SECONDS = 5;

const TENANT = /^[A-Za-z0-9_.-]{1,64}$/;

/** The subject is stored as the actor of the caller's acts: no control characters, no unpaired surrogates. */
const SUBJECT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** JWT (RFC 7519) and access tokens (RFC 9068), as media types without their `application/`. */
const TYPES = new Set(['jwt', 'at+jwt']);

/**
 * Why a token is refused. Only the holder of a token with a good signature learns what is wrong with its claims; for a
 * forged token the answer says only that it cannot be verified.
 */
const REFUSALS = {
  missing: 'a bearer token is required',
  unverified: 'the token cannot be verified',
  expired: 'the token has expired',
  not_yet_valid: 'the token is not valid yet',
  issuer: 'the token is of another issuer',
  audience: 'the token is for another audience',
  type: 'the token is of another type than an access token',
  lifetime: 'the token is valid for longer than this service allows',
  tenant: 'the token is of a tenant that is not served here',
  claims: 'the token lacks a claim that is needed, or has it in another form',
} as const;
export type TokenRefusal = keyof typeof REFUSALS;
export const TOKEN_REFUSALS = Object.keys(REFUSALS) as readonly TokenRefusal[];

/** 401 as defined by RFC 6750: it contains an error only if a token was sent. */
export function refuseToken(refusal: TokenRefusal): ProblemError {
  const error = refusal === 'missing' ? '' : `, error="invalid_token", error_description="${REFUSALS[refusal]}"`;
  return new ProblemError('unauthorized', REFUSALS[refusal], {
    headers: { 'WWW-Authenticate': `Bearer realm="order-saga"${error}` },
    reason: refusal,
  });
}

/** What the configuration says about claims. */
export interface ClaimRules {
  readonly maxLifetimeSeconds: number;
  /** The tenants that this process serves; null for all. */
  readonly tenants: ReadonlySet<string> | null;
  /** Null when tokens have scopes only. */
  readonly roles: RoleSource | null;
}

/**
 * The caller that a token with a good signature stands for.
 * @throws {ProblemError} `unauthorized`.
 */
export function callerOf(payload: JWTPayload, header: ProtectedHeaderParameters, rules: ClaimRules): Caller {
  requireAccessToken(header);
  requireLifetime(payload, rules.maxLifetimeSeconds);
  const { sub, tenant, scope, scp } = payload;
  if (typeof tenant !== 'string' || !TENANT.test(tenant)) throw refuseToken('claims');
  if (rules.tenants?.has(tenant) === false) throw refuseToken('tenant');
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw refuseToken('claims');
  const roles = rules.roles === null ? [] : rolesIn(payload, rules.roles);
  return { tenantId: tenant, subject: sub, ...grantOf(roles, new Set([...scopesOf(scope), ...scopesOf(scp)])) };
}

/** The same keys may sign tokens for other purposes (a logout, a proof of possession), which are refused here. */
function requireAccessToken({ typ }: ProtectedHeaderParameters): void {
  if (typ === undefined) return;
  if (typeof typ !== 'string' || !TYPES.has(typ.toLowerCase().replace(/^application\//, ''))) throw refuseToken('type');
}

/**
 * The lifetime counts from the token's issue, if the token has it, else from now. JSON can contain 1e400, which is not
 * a time.
 */
function requireLifetime({ exp, iat }: JWTPayload, maxLifetimeSeconds: number): void {
  const now = Date.now() / 1_000;
  const [end, start] = [Number(exp), iat ?? now];
  if (!Number.isFinite(end) || !Number.isFinite(start)) throw refuseToken('claims');
  if (end - Math.min(start, now) > maxLifetimeSeconds + CLOCK_TOLERANCE_SECONDS) throw refuseToken('lifetime');
}

/** Identity providers write a text of words (RFC 8693) or a list into `scope` or `scp`. */
function scopesOf(claim: unknown): unknown[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim : [];
}
