import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { holdsCardNumber } from '../../domain/personal-data/card-number.ts';
import type { LogFields } from '../../domain/log-fields.ts';
import type { Logger } from '../../runtime/logger.ts';
import { beginTrace, fail, traceparentOf } from '../../runtime/tracing/spans.ts';
import type { ApiEnv } from './context.ts';
import type { ApiMetrics } from './metrics.ts';

/** Ids from outside enter logs and workflow memos, so only harmless ones are accepted. */
const SAFE_ID = /^[A-Za-z0-9_.:-]{1,64}$/;

/** The correlation id of a request: the client's if it is harmless, else the request's own id. */
export function correlationIdOf(given: string | readonly string[] | undefined, requestId: string): string {
  return typeof given === 'string' && SAFE_ID.test(given) && !holdsCardNumber(given) ? given : requestId;
}

/** Gives each request its id and correlation id, in variables, answer headers and every log line. */
export function identifyRequest(logger: Logger) {
  return createMiddleware<ApiEnv>((c, next) => {
    const requestId = randomUUID();
    const correlationId = correlationIdOf(c.req.header('x-correlation-id'), requestId);
    c.set('requestId', requestId);
    c.set('correlationId', correlationId);
    c.set('logger', logger);
    const { outgoing } = c.env;
    outgoing.setHeader('X-Request-Id', requestId);
    outgoing.setHeader('X-Correlation-Id', correlationId);
    return next();
  });
}

/**
 * Begins a trace with each request that changes something, or takes over the caller's (`traceparent`), and answers
 * which trace it is. Reads, long polls and probes begin none: they would be most of all traces.
 */
export function traceRequest() {
  return createMiddleware<ApiEnv>((c, next) => {
    const { method } = c.req;
    const traceparent = c.req.header('traceparent');
    if (method === 'GET' && traceparent === undefined) return next();
    const attributes = { 'http.request.method': method };
    return beginTrace(traceparent, { name: method, kind: 'SERVER', attributes }, async (span) => {
      const answered = traceparentOf(span);
      if (answered !== null) c.env.outgoing.setHeader('traceparent', answered);
      await next();
      const { status } = c.res;
      const route = routePath(c, -1);
      span.updateName(`${method} ${route}`);
      span.setAttributes({ 'http.route': route, 'http.response.status_code': status });
      if (status >= 500) fail(span, String(status));
    });
  });
}

const ORDER_IN_ADDRESS = /\/(ord_[a-z2-7]{26})(?:\/|$)/;

/** Fields that name the request, and the order that it is about, in every line about it. */
export function requestFields(c: Context<ApiEnv>): LogFields {
  return {
    tenantId: c.get('caller')?.tenantId,
    orderId: c.get('orderId') ?? ORDER_IN_ADDRESS.exec(c.req.path)?.[1],
    requestId: c.get('requestId'),
    correlationId: c.get('correlationId'),
  };
}

/**
 * Machines ask these every few seconds and need only the status: they are logged when it is not 200, or at debug level.
 */
const PROBES = new Set(['/livez', '/readyz', '/health', '/metrics']);

/** Whether an address is a probe. */
export function isProbe(path: string): boolean {
  return PROBES.has(path);
}

/**
 * One metric and one log line per request, by route template. Queries and ids that clients made up may be personal, so they are left
 * out; the id of an order says nothing about its customer.
 */
export function logAccess(metrics: ApiMetrics, logsRequests: boolean) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const started = performance.now();
    await next();
    const durationMs = performance.now() - started;
    const { status } = c.res;
    const route = routePath(c, -1);
    metrics.requestEnded({ route, method: c.req.method, status, seconds: durationMs / 1_000 });
    const logger = c.get('logger');
    const level = levelOf(status, route);
    if (!logsRequests || !logger.isLevelEnabled(level)) return;
    const fields = { method: c.req.method, route, status, durationMs: Math.round(durationMs * 10) / 10 };
    logger[level]({ ...fields, ...requestFields(c) }, 'request');
  });
}

function levelOf(status: number, route: string): 'debug' | 'info' | 'warn' | 'error' {
  if (status >= 500) return 'error';
  if (status >= 400) return 'warn';
  return PROBES.has(route) ? 'debug' : 'info';
}
