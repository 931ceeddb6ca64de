import { z } from 'zod';
import { isAtRest, ORDER_STATUSES } from '../../domain/order-status.ts';

const orderSchema = z.object({
  id: z.string(),
  status: z.enum(ORDER_STATUSES),
  reason: z.string().nullable(),
  reasonDetails: z
    .object({ declineCode: z.string(), lines: z.array(z.object({ requested: z.int(), available: z.int() })) })
    .partial()
    .nullable(),
  attention: z.object({ step: z.string(), errorCode: z.string() }).nullable(),
  totalMinor: z.int().nullable(),
  lines: z.array(z.object({ reservation: z.string().nullable() })),
  workflow: z.object({ url: z.string() }),
});
const stockSchema = z.object({ onHand: z.int(), reserved: z.int(), available: z.int() });
const ledgerSchema = z.object({
  entries: z.array(z.object({ kind: z.string(), amountMinor: z.int(), state: z.string() })),
});
const faultsSchema = z.record(z.string(), z.union([z.number(), z.boolean()]));
const problemSchema = z.object({ code: z.string(), detail: z.string() });

/** The fields of an order that the demo reads. */
export type Order = z.infer<typeof orderSchema>;

/** Pieces of one SKU. */
export type Stock = z.infer<typeof stockSchema>;

/** One effect in the provider's own ledger. */
export type LedgerEntry = z.infer<typeof ledgerSchema>['entries'][number];

/** The order of a customer in the demo. */
export interface Wish {
  readonly sku: string;
  readonly quantity: number;
  /** A payment method of the simulator, which decides what goes wrong. */
  readonly method: string;
}

/** The servers that the demo asks. */
export interface ShopOptions {
  readonly apiUrl: string;
  readonly simulatorUrl: string;
  readonly token: string;
  /** Ends every request when the demo is interrupted. */
  readonly signal: AbortSignal;
}

/** The system as its clients see it: the API, and the provider's ledger as the witness for the money. */
export interface Shop {
  /**
   * Posts an order. `apiUrl` names another API process than the running one.
   * @throws {Error} unless the answer is 202.
   */
  postOrder(wish: Wish, idempotencyKey: string, apiUrl?: string): Promise<void>;
  order(orderId: string): Promise<Order>;
  /** The order at rest or with an open case; after 45 s in its present state. */
  orderAtRest(orderId: string): Promise<Order>;
  stock(sku: string): Promise<Stock>;
  ledger(orderId: string): Promise<LedgerEntry[]>;
  /** Faults that are switched on, as `name=value`. */
  faultsOn(): Promise<string[]>;
  /**
   * Whether a server answers at the API's address.
   * @throws {Error} when it answers that it is not ready.
   */
  isRunning(): Promise<boolean>;
}

/** Every request but a long poll is answered in milliseconds; the limit leaves time for a busy machine. */
const ANSWER_LIMIT_MS = 15_000;

/** One long poll, below the API's 30 s. */
const WAIT_SECONDS = 10;

/** A dead worker's order continues within 10 s; the limit is more than four times as long, for a slow machine. */
const REST_LIMIT_MS = 45_000;

/** This fault is on by default: the method `pm_down` needs it, and no other method is affected. */
const ORDINARY_FAULTS = new Set(['pmDown']);

export function createShop({ apiUrl, simulatorUrl, token, signal }: ShopOptions): Shop {
  const ask = async (url: string, init: RequestInit = {}): Promise<unknown> => {
    const limited = { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]) };
    const response = await fetch(url, limited);
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${describeProblem(body)}`);
    return body;
  };
  const authorization = `Bearer ${token}`;
  const askApi = (path: string): Promise<unknown> => ask(`${apiUrl}${path}`, { headers: { authorization } });
  const orderBy = async (path: string): Promise<Order> => orderSchema.parse(await askApi(path));

  return {
    postOrder: async (wish, idempotencyKey, target = apiUrl) => {
      const headers = { authorization, 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
      await ask(`${target}/v1/orders`, { method: 'POST', headers, body: JSON.stringify(orderBody(wish)) });
    },
    order: (orderId) => orderBy(`/v1/orders/${orderId}`),
    orderAtRest: async (orderId) => {
      const deadline = Date.now() + REST_LIMIT_MS;
      for (;;) {
        const order = await orderBy(`/v1/orders/${orderId}?wait=${WAIT_SECONDS}`);
        if (isAtRest(order.status) || order.attention !== null || Date.now() > deadline) return order;
      }
    },
    stock: async (sku) => stockSchema.parse(await askApi(`/v1/stock/${sku}`)),
    ledger: async (orderId) => ledgerSchema.parse(await ask(`${simulatorUrl}/ledger?orderId=${orderId}`)).entries,
    faultsOn: async () => {
      const faults = faultsSchema.parse(await ask(`${simulatorUrl}/faults`));
      const on = Object.entries(faults).filter(([name, value]) => !ORDINARY_FAULTS.has(name) && Boolean(value));
      return on.map(([name, value]) => `${name}=${value}`);
    },
    isRunning: async () => {
      try {
        await ask(`${apiUrl}/readyz`);
        return true;
      } catch (error) {
        // `fetch` throws this when there is no answer at all.
        if (error instanceof TypeError) return false;
        throw error;
      }
    },
  };
}

function orderBody({ sku, quantity, method }: Wish) {
  return {
    customer: { id: 'cust_demo', email: 'ada@example.com' },
    currency: 'EUR',
    lines: [{ sku, quantity }],
    payment: { method },
    reference: 'demo',
  };
}

/** The code and the detail of a problem document, else the whole answer. */
function describeProblem(body: unknown): string {
  const problem = problemSchema.safeParse(body);
  return problem.success ? `${problem.data.code}: ${problem.data.detail}` : JSON.stringify(body).slice(0, 300);
}
