import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { CatalogRepository } from '../../../db/repositories/inventory/catalog-repository.ts';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { assertNever } from '../../domain/errors.ts';
import { MAX_STOCK_PIECES, type StockLevel } from '../../domain/inventory/reservation.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { decodeCursor, foreignCursor, toPage } from '../http/cursor.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { operatorOf, recordAction } from '../operator-log.ts';
import {
  adjustStockBody,
  listProductsQuery,
  newSkuPath,
  productPage,
  productView,
  putProductBody,
  skuPath,
  stockView,
} from './catalog-schemas.ts';
import { idempotencyHeader, sku } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { toFieldErrors, validationHook } from '../http/validation.ts';

const listProducts = createRoute({
  method: 'get',
  path: '/v1/products',
  tags: ['Catalog and stock'],
  summary: 'List products by SKU',
  ...guardedBy('orders:read'),
  request: { query: listProductsQuery },
  responses: {
    200: { description: 'A page of products', content: { 'application/json': { schema: productPage } } },
    ...problems('validation_failed'),
  },
});

const putProduct = createRoute({
  method: 'put',
  path: '/v1/products/{sku}',
  tags: ['Catalog and stock'],
  summary: 'Create or change a product',
  description: 'A new price holds for orders whose stock is held from now on; held orders keep their frozen price.',
  ...guardedBy('catalog:write'),
  request: {
    params: newSkuPath,
    body: { required: true, content: { 'application/json': { schema: putProductBody } } },
  },
  responses: {
    200: { description: 'Changed', content: { 'application/json': { schema: productView } } },
    201: { description: 'Created, with no stock yet', content: { 'application/json': { schema: productView } } },
    ...problems('malformed_json', 'unsupported_media_type', 'payload_too_large', 'validation_failed'),
  },
});

const getStock = createRoute({
  method: 'get',
  path: '/v1/stock/{sku}',
  tags: ['Catalog and stock'],
  summary: 'Read stock figures',
  ...guardedBy('orders:read'),
  request: { params: skuPath },
  responses: {
    200: { description: 'The figures', content: { 'application/json': { schema: stockView } } },
    ...problems('not_found'),
  },
});

const adjustStock = createRoute({
  method: 'post',
  path: '/v1/stock/{sku}/adjustments',
  tags: ['Catalog and stock'],
  summary: 'Add or take pieces',
  ...guardedBy('catalog:write'),
  request: {
    params: skuPath,
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: adjustStockBody } } },
  },
  responses: {
    200: { description: 'The figures afterwards', content: { 'application/json': { schema: stockView } } },
    ...problems(
      'malformed_json',
      'idempotency_key_missing',
      'idempotency_key_malformed',
      'idempotency_key_reused',
      'not_found',
      'stock_below_reserved',
      'stock_above_maximum',
      'stock_below_zero',
      'unsupported_media_type',
      'payload_too_large',
      'validation_failed',
    ),
  },
});

export interface CatalogRoutesDeps {
  readonly catalog: CatalogRepository;
  readonly actions: OperatorActionRepository;
}

export function createCatalogRoutes({ catalog, actions }: CatalogRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(listProducts, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const after = cursor === undefined ? null : decodeSkuCursor(cursor);
      const found = await catalog.listProducts(c.get('caller').tenantId, after, limit + 1);
      return c.json(
        toPage(found, limit, (product) => [product.sku]),
        200,
      );
    })
    .openapi(putProduct, async (c) => {
      const product = { sku: newSkuOf(c.req.valid('param')), ...c.req.valid('json') };
      const operator = operatorOf(c);
      await recordAction(actions, operator, { action: 'product.put', subject: product.sku, after: { ...product } });
      const { created } = await catalog.putProduct(operator.tenantId, product);
      return c.json(product, created ? 201 : 200);
    })
    .openapi(getStock, async (c) => {
      const level = await catalog.findOptionalStock(c.get('caller').tenantId, c.req.valid('param').sku);
      if (level === null) throw notFound('SKU');
      return c.json(toView(level), 200);
    })
    .openapi(adjustStock, async (c) => {
      const { tenantId, subject } = c.get('caller');
      const result = await catalog.adjustStock({
        tenantId,
        sku: c.req.valid('param').sku,
        ...c.req.valid('json'),
        actor: subject,
        idempotencyKey: parseIdempotencyKey(c.req.header('idempotency-key')),
      });
      switch (result.kind) {
        case 'adjusted':
          c.header('Idempotency-Replayed', String(result.replayed));
          return c.json(toView(result.level), 200);
        case 'below_zero':
          throw new ProblemError('stock_below_zero', `only ${result.level.onHand} pieces are on hand`);
        case 'below_reserved':
          throw belowReserved(result.level);
        case 'above_maximum':
          throw new ProblemError(
            'stock_above_maximum',
            `${result.level.onHand} pieces are on hand, of at most ${MAX_STOCK_PIECES}`,
          );
        case 'key_reused':
          throw new ProblemError('idempotency_key_reused', 'this Idempotency-Key belongs to another adjustment');
        case 'unknown_sku':
          throw notFound('SKU');
        default:
          return assertNever(result);
      }
    });
}

function toView({ sku, onHand, reserved }: StockLevel) {
  return { sku, onHand, reserved, available: onHand - reserved };
}

/** In other routes a malformed SKU does not exist; here it cannot be made. */
function newSkuOf(path: z.output<typeof newSkuPath>): string {
  const checked = skuPath.safeParse(path);
  if (checked.success) return checked.data.sku;
  const errors = checked.error.issues.flatMap((issue) => toFieldErrors(issue, '#/path'));
  throw new ProblemError('validation_failed', 'the SKU does not match the contract', { errors });
}

function decodeSkuCursor(cursor: string): string {
  const [candidate] = decodeCursor(cursor);
  if (candidate !== undefined && sku.safeParse(candidate).success) return candidate;
  throw foreignCursor();
}

function belowReserved({ onHand, reserved }: StockLevel): ProblemError {
  const detail = `${reserved} of the ${onHand} pieces on hand are reserved: at most ${onHand - reserved} can be taken`;
  return new ProblemError('stock_below_reserved', detail);
}
