import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import type { TestSystem } from '../support/system.ts';

/** Instants of the API. */
export const RFC_3339_MILLISECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Reads an order. */
export function read(
  system: TestSystem,
  orderId: string,
  { query = '', token }: { query?: string; token?: string } = {},
) {
  return system.request<OrderView>(`/v1/orders/${orderId}${query}`, token === undefined ? {} : { token });
}
