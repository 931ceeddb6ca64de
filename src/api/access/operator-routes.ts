import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import type { Scope } from '../../domain/access/scopes.ts';

/** The port on which operators find their routes: that of the customers, or the internal one alone. */
export type OperatorPort = 'public' | 'internal';

/** Pages and figures without a token. The guarded routes of operators are known by their scope. */
export const OPERATOR_PAGES = ['/console/*', '/docs/*', '/openapi.json', '/metrics'] as const;

/** Whether only operators have the scope. */
export function isOperatorScope(scope: Scope): boolean {
  return scope.startsWith('ops:') || scope.startsWith('platform:') || scope === 'customers:erase';
}

/** Remembers whether the port of a request is one for operators. */
export function markOperatorPort(port: OperatorPort) {
  return createMiddleware<ApiEnv>((c, next) => {
    c.set('servesOperators', port === 'public' || c.env.isInternal === true);
    return next();
  });
}

/** Hides pages of operators where they are not served. */
export function hidePages() {
  return createMiddleware<ApiEnv>((c, next) => {
    requireOperatorPort(c);
    return next();
  });
}

/**
 * Elsewhere the routes of operators do not exist.
 * @throws {ProblemError} `not_found`.
 */
export function requireOperatorPort(c: Context<ApiEnv>): void {
  if (!c.get('servesOperators')) throw new ProblemError('not_found', 'there is nothing at this address');
}
