import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import type { OrderStatus } from '../domain/order-status.ts';

/** The step at which a workflow is parked; absent while it is not parked. */
export const CASE_KIND = defineSearchAttributeKey('CaseKind', SearchAttributeType.KEYWORD);

/** The tenant that an order, or what is done about it, belongs to. */
export const TENANT_ID = defineSearchAttributeKey('TenantId', SearchAttributeType.KEYWORD);

/** The status of the order's row, as the workflow has seen it last. */
export const ORDER_STATUS = defineSearchAttributeKey('OrderStatus', SearchAttributeType.KEYWORD);

/** When the order was accepted, so that the age of an order is a filter. */
export const PLACED_AT = defineSearchAttributeKey('PlacedAt', SearchAttributeType.DATETIME);

/** The types of our search attributes: the word of Temporal's tools, and the number of its API. */
const REGISTERED_TYPES = {
  KEYWORD: { word: 'Keyword', number: 2 },
  DATETIME: { word: 'Datetime', number: 6 },
} as const;

/**
 * All search attributes, in the order in which they are registered: PostgreSQL gives each the next free column, and
 * ops/temporal/visibility-indexes-drop.sql keeps the index of the first.
 */
export const SEARCH_ATTRIBUTES = [CASE_KIND, TENANT_ID, ORDER_STATUS, PLACED_AT].map(({ name, type }) => ({
  name,
  ...REGISTERED_TYPES[type],
}));

/** An order, as the search attributes of a workflow describe it. */
interface DescribedOrder {
  readonly tenantId: string;
  readonly status?: OrderStatus | null | undefined;
  readonly placedAt?: Date | null | undefined;
}

/** Search attributes for the start of a workflow about an order. They are part of the start, so they cost no command. */
export function attributesOf({ tenantId, status, placedAt }: DescribedOrder): SearchAttributePair[] {
  return [
    { key: TENANT_ID, value: tenantId },
    ...(status == null ? [] : [{ key: ORDER_STATUS, value: status }]),
    ...(placedAt == null ? [] : [{ key: PLACED_AT, value: placedAt }]),
  ];
}
