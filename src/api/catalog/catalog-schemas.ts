import { z } from '@hono/zod-openapi';
import { currency, pageQuery, priceMinor, sku, text } from '../http/primitive-schemas.ts';

/** Pieces that one adjustment may add or take. */
const DELTA_MAX = 1_000_000;

/** Body of `PUT /v1/products/{sku}`. */
export const putProductBody = z
  .strictObject({
    name: text(200).openapi({ description: 'Name shown to people', example: 'Tea pot' }),
    priceMinor: priceMinor.openapi({ description: 'Price of one piece in minor units', example: 2250 }),
    currency,
  })
  .openapi('PutProduct');

/** A product. */
export const productView = z
  .object({
    sku: z.string().openapi({ description: 'Stock keeping unit', example: 'SKU-0001' }),
    name: z.string().openapi({ description: 'Name shown to people', example: 'Tea pot' }),
    priceMinor: z.int().openapi({ description: 'Price of one piece in minor units', example: 2250 }),
    currency: z.string().openapi({ description: 'ISO 4217 currency code', example: 'EUR' }),
  })
  .openapi('Product');

/** A page of products. */
export const productPage = z
  .object({
    items: z.array(productView).openapi({ description: 'By SKU' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('ProductPage');

/** Query of `GET /v1/products`. */
export const listProductsQuery = z.strictObject(pageQuery);

/** Path with a SKU. */
export const skuPath = z.object({ sku });

/** Path with a SKU that may be new; the route checks it. */
export const newSkuPath = z.object({
  sku: z.string().openapi({ description: 'Stock keeping unit: 1 to 64 of `A-Z a-z 0-9 _ . -`', example: 'SKU-0001' }),
});

/** Stock figures of one SKU. */
export const stockView = z
  .object({
    sku: z.string().openapi({ description: 'Stock keeping unit', example: 'SKU-0001' }),
    onHand: z.int().openapi({ description: 'Pieces in the warehouse, held ones included', example: 10000 }),
    reserved: z.int().openapi({ description: 'Pieces held for open orders', example: 12 }),
    available: z.int().openapi({ description: 'Pieces that can still be ordered', example: 9988 }),
  })
  .openapi('Stock');

/** Body of `POST /v1/stock/{sku}/adjustments`. */
export const adjustStockBody = z
  .strictObject({
    delta: z
      .int()
      .min(-DELTA_MAX)
      .max(DELTA_MAX)
      .refine((delta) => delta !== 0, 'must not be 0')
      .openapi({ description: 'Pieces added, or taken when negative', example: 10 }),
    reason: text(200).openapi({ description: 'Why, for the record', example: 'restock' }),
  })
  .openapi('AdjustStock');
