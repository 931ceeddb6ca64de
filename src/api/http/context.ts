import type { HttpBindings } from '@hono/node-server';
import type { Logger } from '../../runtime/logger.ts';
import type { Grant } from '../../domain/access/roles.ts';

/** The caller, from a verified token. */
export interface Caller extends Grant {
  readonly tenantId: string;
  readonly subject: string;
}

/** Variables that the middleware sets for each request, and Node's own request and response. */
export interface ApiEnv {
  /** `isInternal`: the request came in by the internal port. */
  Bindings: HttpBindings & { readonly isInternal?: true };
  Variables: {
    requestId: string;
    correlationId: string;
    caller: Caller;
    /** Whether the caller placed the order; set where orders can be asked. */
    isPlacedByCaller: (orderId: string) => Promise<boolean>;
    /** The caller's subject where the route reaches only the caller's own orders, else undefined. */
    onlyPlacedBy: string | undefined;
    /** Whether the request may see the routes of operators. */
    servesOperators: boolean;
    /** The code of the problem that the request is answered with. */
    problemCode?: string;
    /** The order that the request makes; other requests name theirs in the address. */
    orderId?: string;
    /** The process's logger; `requestFields` adds the fields that name a request. */
    logger: Logger;
  };
}
