import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { CatalogRepository } from '../../../db/repositories/inventory/catalog-repository.ts';
import type { ContactSealer } from '../../domain/personal-data/contact-sealer.ts';
import { base32Digest, isOrderId, orderIdFor } from '../../domain/ids.ts';
import { amountProblemText } from '../../domain/payments/money-text.ts';
import { totalOf } from '../../domain/payments/money.ts';
import type { RequestHash, RequestHasher } from '../../domain/personal-data/request-hash.ts';
import { foreseenRefusalOf } from '../../domain/inventory/offer.ts';
import type { OrderLine, OrderRequest } from '../../domain/order.ts';
import { chargeProblemOf, type PaymentCapabilities } from '../../domain/payments/payment-capabilities.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';
import { activeTrace } from '../../runtime/tracing/spans.ts';
import type { Context } from 'hono';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { decodeCursor, foreignCursor, toPage } from '../http/cursor.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import type { ApiMetrics } from '../http/metrics.ts';
import type { OrderList } from './order-list.ts';
import type { OrderReader } from './order-reader.ts';
import type { OrderStarter } from './order-starter.ts';
import { createConcurrencyLimit } from '../http/concurrency-limit.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { onResponseEnd } from '../http/response-end.ts';
import {
  acceptedOrder,
  createOrderBody,
  listOrdersQuery,
  mergedQuantities,
  orderPage,
  orderPath,
  orderView,
  type CreateOrderBody,
} from './order-schemas.ts';
import { dryRunView } from './insight/insight-schemas.ts';
import { idempotencyHeader, plainInstant } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface OrderRoutesDeps {
  readonly starter: OrderStarter;
  readonly reader: OrderReader;
  readonly list: OrderList;
  readonly catalog: Pick<CatalogRepository, 'listOffers'>;
  readonly sealer: ContactSealer;
  readonly hasher: RequestHasher;
  /** What the payment provider can charge. */
  readonly capabilities: PaymentCapabilities;
  readonly settings: OrderSettings;
  readonly metrics: ApiMetrics;
  /** Aborted when the process shuts down: long polls then answer at once with the present state. */
  readonly shutdown: AbortSignal;
}

/** Longest `?wait`, in seconds. */
const WAIT_MAX_SECONDS = 30;

/** Requests of one process that wait for an order at once. A single tenant may have half of them. */
const WAITS_MAX = 2_000;

const createOrder = createRoute({
  method: 'post',
  path: '/v1/orders',
  tags: ['Orders'],
  summary: 'Accept an order',
  description:
    'Answers as soon as the order is stored durably; from then on it is brought to an end, even if processes crash.',
  ...guardedBy('orders:place'),
  request: {
    // No other parameter is allowed: a request that asks for anything else must not make an order.
    query: z.strictObject({
      dryRun: z.enum(['true', 'false']).default('false').openapi({
        description: '`true`: only says what would happen; needs no Idempotency-Key and has no effect',
        example: 'true',
      }),
    }),
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: createOrderBody } } },
  },
  responses: {
    200: {
      description: 'Dry run: the result that the order would have now',
      content: { 'application/json': { schema: dryRunView } },
    },
    202: {
      description: 'Accepted, now or by an earlier request with the same key',
      headers: {
        Location: { description: 'Address of the order', schema: { type: 'string' } },
        'Idempotency-Replayed': { description: '`true` when the key was used before', schema: { type: 'string' } },
      },
      content: { 'application/json': { schema: acceptedOrder } },
    },
    ...problems(
      'malformed_json',
      'idempotency_key_missing',
      'idempotency_key_malformed',
      'payload_too_large',
      'unsupported_media_type',
      'validation_failed',
      'idempotency_key_reused',
      'amount_not_chargeable',
    ),
  },
});

const getOrder = createRoute({
  method: 'get',
  path: '/v1/orders/{id}',
  tags: ['Orders'],
  summary: 'Read an order',
  ...guardedBy('orders:read'),
  request: {
    params: orderPath,
    query: z.strictObject({
      wait: z.coerce.number().int().min(0).max(WAIT_MAX_SECONDS).optional().openapi({
        description: 'Seconds to wait, up to 30: answers as soon as the order is at rest or a case is open',
        example: 10,
      }),
    }),
  },
  responses: {
    200: { description: 'The order', content: { 'application/json': { schema: orderView } } },
    ...problems('not_found', 'validation_failed'),
  },
});

const listOrders = createRoute({
  method: 'get',
  path: '/v1/orders',
  tags: ['Orders'],
  summary: 'List orders, newest first',
  ...guardedBy('orders:read'),
  request: { query: listOrdersQuery },
  responses: {
    200: { description: 'A page of orders', content: { 'application/json': { schema: orderPage } } },
    ...problems('validation_failed'),
  },
});

export function createOrderRoutes(deps: OrderRoutesDeps) {
  const waits = createConcurrencyLimit({ what: 'waits', max: WAITS_MAX });
  /** A request that finds no free place to wait is answered at once with the order's present state. */
  const findWithin = async (c: Context<ApiEnv>, waitMs: number, orderId: string) => {
    const { tenantId } = c.get('caller');
    const giveBack = waitMs === 0 ? null : waits.takeIfFree(tenantId);
    if (giveBack === null) return deps.reader.find(tenantId, orderId);
    onResponseEnd(c.env, giveBack);
    const signal = AbortSignal.any([c.req.raw.signal, deps.shutdown]);
    return deps.reader.findAtRest(tenantId, orderId, { waitMs, signal });
  };
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(createOrder, async (c) => {
      const { tenantId, subject: placedBy } = c.get('caller');
      if (c.req.valid('query').dryRun === 'true') {
        const request = toOrder(c.req.valid('json'));
        const problem = chargeProblemIn(deps, request);
        if (problem !== null) throw problem;
        return c.json(await tryDry(deps, tenantId, request), 200);
      }
      const key = keyOf(parseIdempotencyKey(c.req.header('idempotency-key')), c.get('onlyPlacedBy'));
      const body = c.req.valid('json');
      const orderId = orderIdFor(tenantId, key);
      c.set('orderId', orderId);
      const order = {
        request: toOrder(body),
        orderId,
        tenantId,
        placedBy,
        idempotencyKey: key,
        correlationId: c.get('correlationId'),
        ...activeTrace(),
        sealedContact: sealContact(deps.sealer, orderId, body),
      };
      const hash = deps.hasher.hash(orderId, { ...body, lines: order.request.lines });
      const replayed = await accept(deps, order, hash);
      deps.metrics.orderAccepted(replayed);
      const self = `/v1/orders/${orderId}`;
      c.header('Location', self);
      c.header('Idempotency-Replayed', String(replayed));
      return c.json({ id: orderId, status: 'PENDING', links: { self, timeline: `${self}/timeline` } } as const, 202);
    })
    .openapi(listOrders, async (c) => {
      const { tenantId } = c.get('caller');
      const { limit, cursor, createdAfter, ...filters } = c.req.valid('query');
      const { orders, complete } = await deps.list({
        tenantId,
        placedBy: c.get('onlyPlacedBy'),
        ...filters,
        createdAfter: createdAfter === undefined ? undefined : new Date(createdAfter),
        before: cursor === undefined ? undefined : decodeOrderCursor(cursor),
        limit: limit + 1,
      });
      const page = toPage(orders, limit, (order) => [order.createdAt, order.id]);
      return c.json(complete ? page : { ...page, complete: false as const }, 200);
    })
    .openapi(getOrder, async (c) => {
      const { id } = c.req.valid('param');
      const { wait = 0 } = c.req.valid('query');
      if (!isOrderId(id)) throw notFound('order');
      const order = await findWithin(c, wait * 1_000, id);
      if (order === null) throw notFound('order');
      return c.json(order, 200);
    });
}

/**
 * The shops and operators of a tenant share their keys. A customer has keys of their own, so that nobody learns of an
 * order of another customer by trying that customer's key. A blank is part of no key that a client can send.
 */
function keyOf(key: string, onlyPlacedBy: string | undefined): string {
  return onlyPlacedBy === undefined ? key : `${base32Digest(onlyPlacedBy)} ${key}`;
}

/** The catalog's present answer to an order. Nothing is held, so it may differ a moment later. */
async function tryDry(
  { catalog, capabilities }: Pick<OrderRoutesDeps, 'catalog' | 'capabilities'>,
  tenantId: string,
  request: OrderRequest,
) {
  const offers = await catalog.listOffers(tenantId, request.lines);
  const bySku = new Map(offers.map((offer) => [offer.sku, offer]));
  const refusal = foreseenRefusalOf(request, offers, capabilities);
  return {
    wouldHold: refusal === null,
    currency: request.currency,
    totalMinor: offers.length === request.lines.length ? totalOf(offers) : null,
    lines: request.lines.map(({ sku, quantity }) => ({
      sku,
      quantity,
      available: bySku.get(sku)?.available ?? null,
      unitPriceMinor: bySku.get(sku)?.unitPriceMinor ?? null,
    })),
    refusal: refusal && { reason: refusal.reason, reasonDetails: refusal.details },
  };
}

/**
 * Without an expected total the catalog must be asked first, because a product may be free even where nothing can be
 * charged.
 */
function chargeProblemIn(
  { capabilities }: OrderRoutesDeps,
  { currency, expectedTotalMinor }: OrderRequest,
): ProblemError | null {
  const problem = expectedTotalMinor === null ? null : chargeProblemOf(capabilities, expectedTotalMinor, currency);
  if (problem === null) return null;
  const detail = amountProblemText(problem, currency);
  return new ProblemError('amount_not_chargeable', `the expected total ${detail}`, {
    errors: [{ pointer: '#/expectedTotalMinor', detail }],
  });
}

type Acceptance = Omit<Parameters<OrderStarter['start']>[0], 'settings' | 'requestHash'>;

/** @returns whether the order had been accepted before. */
async function accept(deps: OrderRoutesDeps, order: Acceptance, hash: RequestHash): Promise<boolean> {
  const { tenantId, orderId } = order;
  const problem = chargeProblemIn(deps, order.request);
  // If the order was accepted when the provider still took the amount, it gets the same answer again.
  if (problem !== null && (await deps.reader.requestHash(tenantId, orderId)) === null) throw problem;
  // This runs while Temporal takes the order, because Temporal may have forgotten the workflow of a key that the row
  // still knows.
  const earlierHash = deps.reader.earlierRequestHash(tenantId, orderId);
  const outcome = await deps.starter.start({ ...order, requestHash: hash.text, settings: deps.settings });
  const isKnown = outcome === 'exists' || (await earlierHash) !== null;
  if (!isKnown) return false;
  const firstHash = (await earlierHash) ?? (await deps.reader.requestHash(tenantId, orderId));
  if (firstHash !== null && hash.isSameAs(firstHash)) return true;
  throw new ProblemError('idempotency_key_reused', 'this Idempotency-Key belongs to another order');
}

/** The validated body as the workflow's request: lines merged and sorted, absent fields null. */
function toOrder(body: CreateOrderBody): OrderRequest {
  return {
    customerId: body.customer.id,
    currency: body.currency,
    lines: mergedLines(body),
    paymentMethod: body.payment.method,
    captureMode: body.payment.capture,
    expectedTotalMinor: body.expectedTotalMinor ?? null,
    reference: body.reference ?? null,
  };
}

function mergedLines(body: CreateOrderBody): OrderLine[] {
  return [...mergedQuantities(body.lines)]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .toSorted((left, right) => (left.sku < right.sku ? -1 : 1));
}

function sealContact(sealer: ContactSealer, orderId: string, { customer }: CreateOrderBody) {
  if (customer.email === undefined && customer.phone === undefined) return null;
  return sealer.seal(orderId, { email: customer.email ?? null, phone: customer.phone ?? null });
}

function decodeOrderCursor(cursor: string): { createdAt: Date; orderId: string } {
  const [createdAt = '', orderId = ''] = decodeCursor(cursor);
  if (!plainInstant.safeParse(createdAt).success || !isOrderId(orderId)) throw foreignCursor();
  return { createdAt: new Date(createdAt), orderId };
}
