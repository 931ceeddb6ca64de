import { AsyncLocalStorage } from 'node:async_hooks';

/** Stands for all tenants; it is no name that a tenant can have. */
export const ALL_TENANTS = '*';

const reach = new AsyncLocalStorage<string>();

/** Does work that reaches only the rows of a tenant, where the database keeps tenants apart. */
export function inTenant<Result>(tenantId: string, work: () => Result): Result {
  return reach.run(tenantId, work);
}

/**
 * Does work over all tenants: figures of the service, reports of a payment provider, and statements that serve several
 * requests at once. The work itself must keep the tenants apart.
 */
export function acrossTenants<Result>(work: () => Result): Result {
  return reach.run(ALL_TENANTS, work);
}

/** The tenant whose rows may be reached, `*` for all; empty, which reaches no row, when nobody has said. */
export function reachedTenant(): string {
  return reach.getStore() ?? '';
}
