import { ACTION_SCOPES } from '../src/api/cases/case-routes.ts';
import { openApiDocument } from '../src/api/http/docs.ts';
import type { DecisionAction } from '../src/domain/case.ts';
import { grantOf, type Role } from '../src/domain/access/roles.ts';
import type { Scope } from '../src/domain/access/scopes.ts';
import { createDescribingApp } from './api-document.ts';

/** One operation of the API; a decision about a case is one operation per action, because actions need scopes of their own. */
export interface Operation {
  /** For example `POST /v1/orders` or `POST /v1/cases/{id}/resolve retryWith`. */
  readonly name: string;
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly action: DecisionAction | null;
  /** All of them are needed; none means that the operation is for everybody. */
  readonly scopes: readonly Scope[];
}

const RESOLVE = '/v1/cases/{id}/resolve';

/** Every operation of the OpenAPI document, in its order. */
export function listOperations(): Operation[] {
  const paths = openApiDocument(createDescribingApp()).paths ?? {};
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, described]) => {
      const { security } = described as { readonly security?: readonly { readonly bearer?: readonly Scope[] }[] };
      const scope = security?.[0]?.bearer?.[0];
      const operation = {
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        action: null,
        scopes: scope === undefined ? [] : [scope],
      };
      return path === RESOLVE ? resolutions(operation) : [operation];
    }),
  );
}

function resolutions(operation: Operation): Operation[] {
  return Object.entries(ACTION_SCOPES).map(([action, scope]) => ({
    ...operation,
    name: `${operation.name} ${action}`,
    action: action as DecisionAction,
    scopes: [...new Set([...operation.scopes, scope])],
  }));
}

/** `all`: within the tenant; `own`: only orders that the caller has placed. */
export type Reach = 'none' | 'own' | 'all';

/** How far a role reaches with an operation that needs a token. */
export function reachOf(role: Role, { scopes }: Pick<Operation, 'scopes'>): Reach {
  const grant = grantOf([role], new Set());
  if (!scopes.every((scope) => grant.scopes.has(scope))) return 'none';
  return scopes.some((scope) => grant.ownOnly.has(scope)) ? 'own' : 'all';
}
