import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose';
import { isOrderId } from '../../domain/ids.ts';
import type { ApiEnv, Caller } from '../http/context.ts';
import { notFound, ProblemError, unavailable } from '../http/problem.ts';
import { isOperatorScope, requireOperatorPort } from './operator-routes.ts';
import { scopesFor, type Scope } from '../../domain/access/scopes.ts';
import { createTokenMemory } from './token-memory.ts';
import { callerOf, CLOCK_TOLERANCE_SECONDS, refuseToken, type ClaimRules, type TokenRefusal } from './token-claims.ts';

/** How tokens are verified: a shared secret (development) or the keys of an identity provider. */
export interface JwtOptions extends ClaimRules {
  readonly secret: string | null;
  readonly jwksUrl: string | null;
  readonly issuer: string;
  readonly audience: string;
}

/**
 * Verifies a token.
 * @throws {ProblemError} `unauthorized`.
 */
export type TokenVerifier = (token: string) => Promise<Caller>;

/** The configuration fixes the algorithms; the token cannot choose one. */
export function createTokenVerifier(options: JwtOptions, memory = createTokenMemory()): TokenVerifier {
  const checks = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    issuer: options.issuer,
    audience: options.audience,
    requiredClaims: ['exp', 'sub', 'tenant'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  });
  const verify = verifierOf(options, checks);
  return async (token) => {
    const known = memory.find(token);
    if (known !== undefined) return known;
    const { payload, protectedHeader } = await verify(token).catch(rejectToken);
    const caller = callerOf(payload, protectedHeader, options);
    memory.keep(token, caller, Number(payload.exp) * 1_000);
    return caller;
  };
}

function verifierOf(options: JwtOptions, checks: (algorithms: string[]) => JWTVerifyOptions) {
  if (options.secret !== null) {
    const secret = new TextEncoder().encode(options.secret);
    const checked = checks(['HS256']);
    return (token: string) => jwtVerify(token, secret, checked);
  }
  if (options.jwksUrl === null) throw new TypeError('a token verifier needs a secret or a JWKS address');
  const keys = remoteKeys(options.jwksUrl);
  const checked = checks(['RS256', 'PS256', 'ES256', 'EdDSA']);
  return (token: string) => jwtVerify(token, keys, checked);
}

/**
 * If an identity provider does not answer, or not with keys, the service has an outage; the client did nothing wrong.
 */
function remoteKeys(jwksUrl: string): JWTVerifyGetKey {
  const find = createRemoteJWKSet(new URL(jwksUrl));
  return (header, token) =>
    find(header, token).catch((error: unknown) => {
      const isAboutToken =
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported;
      throw isAboutToken ? error : unavailable('the identity provider does not answer');
    });
}

function rejectToken(error: unknown): never {
  throw error instanceof ProblemError ? error : refuseToken(refusalOf(error));
}

/** The claims are checked after the signature. */
function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'unverified';
  if (error.reason !== 'check_failed') return 'claims';
  return REFUSAL_OF_CLAIM.get(error.claim) ?? 'claims';
}

const REFUSAL_OF_CLAIM: ReadonlyMap<string, TokenRefusal> = new Map([
  ['iss', 'issuer'],
  ['aud', 'audience'],
  ['nbf', 'not_yet_valid'],
]);

/** The token in a header `Authorization`; null when there is none. */
export function bearerTokenOf(header = ''): string | null {
  return /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1] ?? null;
}

/** Sets `caller` from the `Authorization` header. */
export function authenticate(verify: TokenVerifier) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const token = bearerTokenOf(c.req.header('authorization'));
    if (token === null) throw refuseToken('missing');
    c.set('caller', await verify(token));
    await next();
  });
}

/** Part of a route that only a token with the scope may use; the OpenAPI document says the same. */
export function guardedBy(scope: Scope) {
  return { security: scopesFor(scope).map((one) => ({ bearer: [one] })), middleware: guard(scope) };
}

function guard(scope: Scope) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (isOperatorScope(scope)) requireOperatorPort(c);
    const { subject, ownOnly } = requireScope(c.get('caller'), scope);
    if (ownOnly.has(scope)) {
      c.set('onlyPlacedBy', subject);
      await requireOwnOrder(c);
    }
    await next();
  });
}

/**
 * The caller, who has the scope.
 * @throws {ProblemError} `forbidden`.
 */
export function requireScope(caller: Caller, scope: Scope): Caller {
  if (caller.scopes.has(scope)) return caller;
  throw new ProblemError('forbidden', `the token lacks the scope ${scopesFor(scope).join(' or ')}`);
}

/** Other people's orders do not exist for the caller. The check is here, so that no route with an order can forget it. */
async function requireOwnOrder(c: Context<ApiEnv>): Promise<void> {
  const orderId = c.req.param('id');
  if (orderId === undefined) return;
  if (!isOrderId(orderId) || !(await c.get('isPlacedByCaller')(orderId))) throw notFound('order');
}
