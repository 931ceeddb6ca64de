import { createMiddleware } from 'hono/factory';
import { createRemoteJWKSet, jwtVerify, type JWTVerifyOptions } from 'jose';
import { SCOPES, type ApiEnv, type Caller, type Scope } from './context.ts';
import { ProblemError, unavailable } from './problem.ts';

/** How tokens are verified: a shared secret (development) or the keys of an identity provider. */
export interface JwtOptions {
  readonly secret: string | null;
  readonly jwksUrl: string | null;
  readonly issuer: string;
  readonly audience: string;
}

/** Verifies a token. @throws {ProblemError} `unauthorized`. */
export type TokenVerifier = (token: string) => Promise<Caller>;

const TENANT = /^[A-Za-z0-9_.-]{1,64}$/;

/** Tolerated difference between our clock and the issuer's. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** Creates the verifier; algorithms are fixed by configuration, never taken from the token. */
export function createTokenVerifier(options: JwtOptions): TokenVerifier {
  const checks = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    issuer: options.issuer,
    audience: options.audience,
    requiredClaims: ['exp', 'sub', 'tenant'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  });
  const verify = verifierOf(options, checks);
  return async (token) => {
    const { payload } = await verify(token).catch(rejectToken);
    const { sub, tenant, scope } = payload;
    if (typeof tenant !== 'string' || !TENANT.test(tenant) || typeof sub !== 'string') throw unauthorized();
    const granted = new Set(typeof scope === 'string' ? scope.split(' ') : []);
    return { tenantId: tenant, subject: sub, scopes: new Set(SCOPES.filter((known) => granted.has(known))) };
  };
}

function verifierOf(options: JwtOptions, checks: (algorithms: string[]) => JWTVerifyOptions) {
  if (options.secret !== null) {
    const secret = new TextEncoder().encode(options.secret);
    const checked = checks(['HS256']);
    return (token: string) => jwtVerify(token, secret, checked);
  }
  if (options.jwksUrl === null) throw new TypeError('a token verifier needs a secret or a JWKS address');
  const keys = createRemoteJWKSet(new URL(options.jwksUrl));
  const checked = checks(['RS256', 'PS256', 'ES256', 'EdDSA']);
  return (token: string) => jwtVerify(token, keys, checked);
}

/** An identity provider that does not answer is our outage, not the client's fault. */
function rejectToken(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_JWKS_TIMEOUT') throw unavailable('the identity provider does not answer');
  throw unauthorized();
}

function unauthorized(): ProblemError {
  return new ProblemError('unauthorized', 'a valid bearer token is required', {
    headers: { 'WWW-Authenticate': 'Bearer realm="order-saga"' },
  });
}

/** Sets `caller` from the `Authorization` header. */
export function authenticate(verify: TokenVerifier) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const header = c.req.header('authorization') ?? '';
    const match = /^Bearer ([A-Za-z0-9_.-]+)$/i.exec(header);
    if (match?.[1] === undefined) throw unauthorized();
    c.set('caller', await verify(match[1]));
    await next();
  });
}

/** Lets a request through only if its token grants the scope. */
export function requireScope(scope: Scope) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (!c.get('caller').scopes.has(scope)) throw new ProblemError('forbidden', `the token lacks the scope ${scope}`);
    await next();
  });
}
