import type { HttpBindings } from '@hono/node-server';
import type { Logger } from '../../runtime/logger.ts';

/** The caller, from a verified token. */
export interface Caller {
  readonly tenantId: string;
  readonly subject: string;
  readonly scopes: ReadonlySet<Scope>;
}

/**
 * What a token may allow: within its own tenant, except for `platform:`, which covers services that all tenants share.
 */
export const SCOPES = [
  'orders:write',
  'orders:read',
  'catalog:write',
  'events:write',
  'events:read',
  'webhooks:write',
  'ops:read',
  'ops:write',
  'ops:money',
  'platform:read',
  'platform:write',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Variables that the middleware sets for each request, and Node's own request and response. */
export interface ApiEnv {
  /** `isInternal`: the request came in by the internal port. */
  Bindings: HttpBindings & { readonly isInternal?: true };
  Variables: {
    requestId: string;
    correlationId: string;
    caller: Caller;
    /** Whether the request may see the routes of operators. */
    servesOperators: boolean;
    /** The order that the request makes; other requests name theirs in the address. */
    orderId?: string;
    /** The process's logger; `requestFields` adds the fields that name a request. */
    logger: Logger;
  };
}
