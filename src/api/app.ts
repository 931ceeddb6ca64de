import { OpenAPIHono } from '@hono/zod-openapi';
import { except } from 'hono/combine';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { DatabaseUnavailableError } from '../domain/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { inTenant } from '../runtime/tenants/tenant-reach.ts';
import { authenticate, type TokenVerifier } from './access/auth.ts';
import type { ApiEnv } from './http/context.ts';
import { mountDocs } from './http/docs.ts';
import { identifyRequest, isProbe, logAccess, requestFields, traceRequest } from './http/request-context.ts';
import { problemResponse, ProblemError, unavailable } from './http/problem.ts';
import { limitRate, type RateBudget } from './access/rate-limit.ts';
import { createConcurrencyLimit, limitConcurrency, tenantOf } from './http/concurrency-limit.ts';
import { hidePages, markOperatorPort, OPERATOR_PAGES, type OperatorPort } from './access/operator-routes.ts';
import { createRefusals } from './access/refusals.ts';
import { createNetworkOf } from './access/client-network.ts';
import { readPlainBody, tooLarge } from './http/request-body.ts';
import { createCaseRoutes, type CaseRoutesDeps } from './cases/case-routes.ts';
import { createCatalogRoutes, type CatalogRoutesDeps } from './catalog/catalog-routes.ts';
import { createEventOperationRoutes, type EventOperationRoutesDeps } from './events/operation-routes.ts';
import { createEventRoutes, type EventRoutesDeps } from './events/event-routes.ts';
import { REPROCESS_BODY_MAX_BYTES } from './events/operation-schemas.ts';
import { createEventIntakeRoutes, type EventIntakeRoutesDeps } from './events/intake-routes.ts';
import { createConsoleRoutes, restrictConsole, type ConsoleRoutesDeps } from './console/console-routes.ts';
import {
  allowWebUi,
  createPayloadRoutes,
  PAYLOADS_BODY_MAX_BYTES,
  PAYLOADS_PATH,
  type PayloadRoutesDeps,
} from './operations/payload-routes.ts';
import { createAuditTrailRoutes, type AuditTrailRoutesDeps } from './operations/audit-trail-routes.ts';
import { recordOutcomes } from './request-outcome.ts';
import { createOperationsRoutes, type OperationsRoutesDeps } from './operations/operations-routes.ts';
import { createErasureRoutes, type ErasureRoutesDeps } from './orders/erasure-routes.ts';
import { createOrderCommandRoutes, type OrderCommandRoutesDeps } from './orders/command-routes.ts';
import { createOrderReconciliationRoutes } from './orders/reconciliation-routes.ts';
import { createOrderInsightRoutes, type OrderInsightRoutesDeps } from './orders/insight/insight-routes.ts';
import { createNotificationRoutes, type NotificationRoutesDeps } from './messages/message-routes.ts';
import { createOrderRoutes, type OrderRoutesDeps } from './orders/order-routes.ts';
import { createPaymentWebhookRoutes, type PaymentWebhookRoutesDeps } from './payment-notices/notice-routes.ts';
import { createWebhookRoutes, type WebhookRoutesDeps } from './webhooks/webhook-routes.ts';

export interface AppDeps
  extends
    Omit<OrderRoutesDeps, 'catalog'>,
    OrderInsightRoutesDeps,
    OrderCommandRoutesDeps,
    CaseRoutesDeps,
    CatalogRoutesDeps,
    Omit<EventIntakeRoutesDeps, 'eventConcurrency'>,
    NotificationRoutesDeps,
    PaymentWebhookRoutesDeps,
    EventOperationRoutesDeps,
    EventRoutesDeps,
    ConsoleRoutesDeps,
    WebhookRoutesDeps,
    OperationsRoutesDeps,
    AuditTrailRoutesDeps,
    ErasureRoutesDeps,
    PayloadRoutesDeps {
  readonly verifyToken: TokenVerifier;
  /** One point per request. */
  readonly requestBudget: RateBudget;
  /** Requests of one network without a valid token or signature. */
  readonly unauthenticatedPerSecond: number;
  readonly operatorPort: OperatorPort;
  /** Temporal's Web UI, whose pages may open payloads. */
  readonly webUiUrl: string;
  /** Our own proxies before this process. */
  readonly trustedHops: number;
  readonly logger: Logger;
  /** Whether each request is logged. */
  readonly logsRequests: boolean;
}

/** A body of 100 lines has about 10 KiB. */
const BODY_MAX_BYTES = 64 * 1024;

/** Orders in progress at once. A single tenant may have half of them, which is twice its promised burst. */
const ORDERS_IN_PROGRESS_MAX = 1_024;

/** Posts of events in progress at once. Half of them are one second's posts at the highest promised rate. */
const EVENT_POSTS_MAX = 4_000;
const EVENT_POSTS_MAX_BYTES = 256 * 1024 * 1024;

/** The application opens nothing by itself. */
export function createApp(deps: AppDeps) {
  const app = new OpenAPIHono<ApiEnv>();
  const networkOf = createNetworkOf(deps.trustedHops);
  const refusals = createRefusals({
    networkOf,
    pointsPerSecond: deps.unauthenticatedPerSecond,
    logger: deps.logger,
    onRefused: deps.metrics.requestRefused,
  });
  app.use(identifyRequest(deps.logger), traceRequest(), logAccess(deps.metrics, deps.logsRequests));
  app.use(except(isProtected, refusals.limitPages));
  app.use(markOperatorPort(deps.operatorPort));
  for (const page of OPERATOR_PAGES) app.use(page, hidePages());
  app.use('/console/*', restrictConsole());
  app.use('/v1/*', (c, next) => {
    c.env.outgoing.setHeader('Cache-Control', 'no-store');
    return next();
  });
  // Before a browser posts with a token, it asks without one.
  app.use(`${PAYLOADS_PATH}/*`, allowWebUi(deps.webUiUrl));
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => refuseMethod(c, methods) }));
  // A provider has no token. The route verifies its signature, and is therefore placed before the authentication.
  app.use(
    '/v1/payment-webhooks/*',
    readPlainBody(() => BODY_MAX_BYTES),
  );
  app.route('/', createPaymentWebhookRoutes(deps));
  app.use('/v1/*', authenticate(deps.verifyToken));
  app.use('/v1/*', (c, next) => {
    const { tenantId, subject } = c.get('caller');
    c.set('isPlacedByCaller', (orderId) => deps.reader.isPlacedBy(subject, tenantId, orderId));
    // From here on the database shows the rows of the tenant only, where it keeps tenants apart.
    return inTenant(tenantId, next);
  });
  app.use('/v1/*', recordOutcomes(deps.actions));
  const limits = [limitRate(deps.requestBudget), readPlainBody(bodyMaxBytes)];
  app.use('/v1/*', except(isEventPost, ...limits));
  // A request takes a place when its body is complete, so that a client that sends half a request blocks nobody else.
  app.post(
    '/v1/orders',
    limitConcurrency(createConcurrencyLimit({ what: 'orders', max: ORDERS_IN_PROGRESS_MAX }), tenantOf),
  );
  const eventConcurrency = createConcurrencyLimit({
    what: 'events',
    max: EVENT_POSTS_MAX,
    bytesMax: EVENT_POSTS_MAX_BYTES,
  });

  app.route('/', createOperationsRoutes(deps));
  app.route('/', createPayloadRoutes(deps));
  app.route('/', createAuditTrailRoutes(deps));
  app.route('/', createOrderRoutes(deps));
  app.route('/', createOrderInsightRoutes(deps));
  app.route('/', createOrderCommandRoutes(deps));
  app.route('/', createOrderReconciliationRoutes(deps));
  app.route('/', createErasureRoutes(deps));
  app.route('/', createNotificationRoutes(deps));
  app.route('/', createCaseRoutes(deps));
  app.route('/', createCatalogRoutes(deps));
  app.route('/', createEventIntakeRoutes({ ...deps, eventConcurrency }));
  // These routes come before the routes with an id, which would match `stats`.
  app.route('/', createEventOperationRoutes(deps));
  app.route('/', createEventRoutes(deps));
  app.route('/', createConsoleRoutes(deps));
  app.route('/', createWebhookRoutes(deps));
  mountDocs(app);

  app.notFound((c) => problemResponse(c, new ProblemError('not_found', 'there is nothing at this address')));
  app.onError((error, c) => {
    const problem = toProblem(error);
    c.set('problemCode', problem.code);
    if (problem.code === 'internal_error') deps.logger.error({ err: error, ...requestFields(c) }, 'request failed');
    return problemResponse(c, refusals.answer(c, problem));
  });
  return app;
}

/** Addresses that a token or a signature protects, and probes, which nobody may keep from being answered. */
function isProtected({ req }: Context): boolean {
  return req.path.startsWith('/v1/') || (isProbe(req.path) && req.path !== '/metrics');
}

/** The limit fits everything that the contract allows. */
function bodyMaxBytes({ req }: Context): number {
  if (req.path.startsWith(`${PAYLOADS_PATH}/`)) return PAYLOADS_BODY_MAX_BYTES;
  return req.path === '/v1/events/failed/reprocess' ? REPROCESS_BODY_MAX_BYTES : BODY_MAX_BYTES;
}

/** Posts of events count event by event, and their bodies may be larger and compressed: their own route limits them. */
function isEventPost({ req }: Context): boolean {
  return req.path === '/v1/events' && req.method === 'POST';
}

function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof DatabaseUnavailableError) return unavailable('the database does not answer');
  if (isClientGone(error)) return new ProblemError('bad_request', 'the request ended early');
  if (error instanceof HTTPException) {
    const { status } = error;
    if (status === 400) return new ProblemError('malformed_json', 'the body is not valid JSON');
    if (status === 413) return tooLarge(BODY_MAX_BYTES);
    if (status === 415) return new ProblemError('unsupported_media_type', 'the body must be application/json');
  }
  return new ProblemError('internal_error', 'something went wrong here; the request id finds it in the logs');
}

/**
 * Node's request stream fails in this way when the client leaves in the middle of its body; the service did nothing
 * wrong.
 */
function isClientGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET' && error.message === 'aborted';
}

function refuseMethod(c: Parameters<typeof problemResponse>[0], methods: readonly string[]): Response {
  return problemResponse(
    c,
    new ProblemError('method_not_allowed', 'this address does not know the method', {
      headers: { Allow: methods.join(', ') },
    }),
  );
}
