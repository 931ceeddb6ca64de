import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { secureHeaders } from 'hono/secure-headers';
import { DatabaseUnavailableError } from '../domain/errors.ts';
import type { Logger } from '../logger.ts';
import { authenticate, type TokenVerifier } from './auth.ts';
import type { ApiEnv } from './context.ts';
import { mountDocs } from './docs.ts';
import { identifyRequest, logAccess } from './request-context.ts';
import { problemResponse, ProblemError, unavailable } from './problem.ts';
import { limitRate } from './rate-limit.ts';
import { limitAnnouncedLength, requirePlainUtf8, tooLarge } from './request-body.ts';
import { shedLoad } from './shed-load.ts';
import type { RateLimitStore } from '../../db/rate-limit-store.ts';
import { createCatalogRoutes } from './routes/catalog.ts';
import { createOperationsRoutes, type OperationsRoutesDeps } from './routes/operations.ts';
import { createOrderRoutes, type OrderRoutesDeps } from './routes/orders.ts';

/** Everything the HTTP application works with. */
export interface AppDeps extends OrderRoutesDeps, OperationsRoutesDeps {
  readonly catalog: Parameters<typeof createCatalogRoutes>[0]['catalog'];
  readonly verifyToken: TokenVerifier;
  readonly rateLimits: RateLimitStore;
  readonly rateLimitPerSecond: number;
  readonly logger: Logger;
}

/** A body of 100 lines has about 10 KiB. */
const BODY_MAX_BYTES = 64 * 1024;

/** Creates the HTTP application; it opens nothing by itself. */
export function createApp(deps: AppDeps) {
  const app = new OpenAPIHono<ApiEnv>();
  app.use(identifyRequest(deps.logger), logAccess(deps.metrics));
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // swagger-ui sets style attributes; scripts stay restricted to our own files.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
    }),
  );
  app.post('/v1/orders', shedLoad());
  app.use('/v1/*', async (c, next) => {
    await next();
    c.header('Cache-Control', 'no-store');
  });
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => refuseMethod(c, methods) }));
  app.use('/v1/*', authenticate(deps.verifyToken), limitRate(deps.rateLimits, deps.rateLimitPerSecond));
  app.use(
    '/v1/*',
    limitAnnouncedLength(BODY_MAX_BYTES),
    bodyLimit({
      maxSize: BODY_MAX_BYTES,
      onError: () => {
        throw tooLarge(BODY_MAX_BYTES);
      },
    }),
    requirePlainUtf8(),
  );

  app.route('/', createOperationsRoutes(deps));
  app.route('/', createOrderRoutes(deps));
  app.route('/', createCatalogRoutes(deps));
  mountDocs(app);

  app.notFound((c) => problemResponse(c, new ProblemError('not_found', 'there is nothing at this address')));
  app.onError((error, c) => {
    const problem = toProblem(error);
    if (problem.code === 'internal_error') c.get('log').error({ err: error }, 'request failed');
    return problemResponse(c, problem);
  });
  return app;
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

/** Node's request stream fails like this when the client goes away in the middle of its body: no fault of ours. */
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
