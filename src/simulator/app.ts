import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { FaultSwitches } from './faults.ts';
import type { Payments } from './payments.ts';
import { refusal, UNAVAILABLE, type Answer, type Reply } from './replies.ts';
import {
  InvalidRequestError,
  parseChargeRequest,
  parseExternalRequest,
  parseJson,
  parseMovementRequest,
  parseVoidRequest,
} from './requests.ts';

/** The largest real body is below 1 kB; 64 kB is the limit the API of the order service has for one order. */
const MAX_BODY_BYTES = 64 * 1024;

const TOO_LARGE = refusal(413, 'payload_too_large', `the body is limited to ${MAX_BODY_BYTES} bytes`);

type Env = { Bindings: HttpBindings };
type SimulatorContext = Context<Env>;

export interface AppDeps {
  readonly payments: Payments;
  readonly faults: FaultSwitches;
  /** Called with failures that are the simulator's own fault. */
  readonly warn: (message: string) => void;
}

/** The HTTP face of the simulator: payments under `/v1`, and the switches and the ledger beside them. */
export function createApp({ payments, faults, warn }: AppDeps): Hono<Env> {
  const app = new Hono<Env>();
  app.use(limitBody());
  app.use('/v1/*', async (c, next) => (faults.current().down ? send(c, UNAVAILABLE) : next()));
  addPaymentRoutes(app, payments);
  addExternalRoutes(app, payments);
  addControlRoutes(app, payments, faults);
  app.notFound((c) => c.json({ code: 'not_found', message: `no route ${c.req.method} ${c.req.path}` }, 404));
  app.onError((error, c) => {
    if (error instanceof InvalidRequestError) return c.json({ code: 'invalid_request', message: error.message }, 400);
    warn(`${c.req.method} ${c.req.path} failed: ${error.stack ?? error.message}`);
    return c.json({ code: 'internal_error', message: 'the simulator failed, the outcome is unknown' }, 500);
  });
  return app;
}

function addPaymentRoutes(app: Hono<Env>, payments: Payments): void {
  app.post('/v1/payments', async (c) => send(c, await payments.execute(parseChargeRequest(keyOf(c), await textOf(c)))));
  app.get('/v1/payments/:key', async (c) => send(c, await payments.lookup(c.req.param('key'))));
  app.post('/v1/payments/:key/void', async (c) =>
    send(c, await payments.execute(parseVoidRequest(keyOf(c), c.req.param('key'), await textOf(c)))),
  );
  app.post('/v1/payments/:key/captures', async (c) =>
    send(
      c,
      await payments.execute(
        parseMovementRequest('capture', { key: keyOf(c), target: c.req.param('key') }, await textOf(c)),
      ),
    ),
  );
  app.post('/v1/payments/:key/refunds', async (c) =>
    send(
      c,
      await payments.execute(
        parseMovementRequest('refund', { key: keyOf(c), target: c.req.param('key') }, await textOf(c)),
      ),
    ),
  );
}

/** Acts of a person in the provider's dashboard, and the reads that the merchant's system may make of them. */
function addExternalRoutes(app: Hono<Env>, payments: Payments): void {
  app.get('/v1/payments/:key/movements', async (c) => send(c, await payments.movements(c.req.param('key'))));
  app.post('/v1/payments/:key/external-captures', async (c) =>
    send(c, await payments.moveOutside(parseExternalRequest('capture', c.req.param('key'), await textOf(c)))),
  );
  app.post('/v1/payments/:key/external-refunds', async (c) =>
    send(c, await payments.moveOutside(parseExternalRequest('refund', c.req.param('key'), await textOf(c)))),
  );
}

function addControlRoutes(app: Hono<Env>, payments: Payments, faults: FaultSwitches): void {
  app.get('/ledger', async (c) => c.json({ entries: await payments.entries(c.req.query('orderId')) }));
  app.get('/faults', (c) => c.json(faults.current()));
  app.post('/faults', async (c) => {
    const merged = faults.merge(parseJson(await textOf(c)));
    if ('problem' in merged) throw new InvalidRequestError(merged.problem);
    return c.json(merged);
  });
  app.post('/reset', (c) => c.json(faults.reset()));
  app.get('/healthz', (c) => (faults.current().down ? send(c, UNAVAILABLE) : c.json({ status: 'ok' })));
}

function send(c: SimulatorContext, answer: Answer): Response {
  if (answer.kind === 'reply') return sendReply(c, answer);
  // The connection ends with an RST instead of a FIN: the client must see a broken connection, never a short answer.
  c.env.incoming.socket.resetAndDestroy();
  return RESPONSE_ALREADY_SENT;
}

function sendReply(c: SimulatorContext, { status, body }: Reply): Response {
  return c.json(body, status);
}

function keyOf(c: SimulatorContext): string | undefined {
  return c.req.header('idempotency-key');
}

async function textOf(c: SimulatorContext): Promise<string> {
  try {
    return await c.req.text();
  } catch {
    throw new InvalidRequestError('the body ended early');
  }
}

/**
 * Hono's own limit makes a full web `Request` for each body. A declared length needs only a comparison (Node's parser
 * holds the client to it), so only the rare chunked body takes the slow way.
 */
function limitBody(): MiddlewareHandler<Env> {
  const limitChunked = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => c.json(TOO_LARGE.body, 413) });
  return async (c, next) => {
    const { headers } = c.env.incoming;
    if (headers['transfer-encoding'] !== undefined) return limitChunked(c, next);
    if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) return sendReply(c, TOO_LARGE);
    return next();
  };
}
