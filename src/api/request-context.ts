import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { Logger } from '../logger.ts';
import type { ApiEnv } from './context.ts';
import type { ApiMetrics } from './metrics.ts';

/** Ids from outside enter logs and workflow memos, so only harmless ones are taken over. */
const SAFE_ID = /^[A-Za-z0-9_.:-]{1,64}$/;

/** Gives each request its id and correlation id, in variables, answer headers and every log line. */
export function identifyRequest(logger: Logger) {
  return createMiddleware<ApiEnv>((c, next) => {
    const requestId = randomUUID();
    const given = c.req.header('x-correlation-id');
    const correlationId = given !== undefined && SAFE_ID.test(given) ? given : requestId;
    c.set('requestId', requestId);
    c.set('correlationId', correlationId);
    c.set('logger', logger);
    const { outgoing } = c.env;
    outgoing.setHeader('X-Request-Id', requestId);
    outgoing.setHeader('X-Correlation-Id', correlationId);
    return next();
  });
}

/** A logger whose lines name the request. Most requests write none, so none of them is given one beforehand. */
export function logOf(c: Context<ApiEnv>): Logger {
  return c.get('logger').child({ requestId: c.get('requestId'), correlationId: c.get('correlationId') });
}

/** One metric per request, by route template; one log line, at debug level when all went well. */
export function logAccess(metrics: ApiMetrics) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const started = performance.now();
    await next();
    const durationMs = performance.now() - started;
    const { status } = c.res;
    const route = routePath(c, -1);
    metrics.requestEnded(route, c.req.method, status, durationMs / 1_000);
    const level = status >= 500 ? 'warn' : 'debug';
    if (!c.get('logger').isLevelEnabled(level)) return;
    logOf(c)[level]({ method: c.req.method, route, status, durationMs: Math.round(durationMs) }, 'request');
  });
}
