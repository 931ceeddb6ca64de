import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

/** An answer of the simulator, or the fact that the connection broke without one. */
type Heard =
  | { readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly status: 'reset' };

interface Content {
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** Uses a simulator like a foreign client: over HTTP, with keys of its own. */
export interface TestClient {
  charge(key: string, overrides?: Record<string, unknown>): Promise<Heard>;
  /** A void, capture or refund of the charge `target`. */
  act(
    action: 'void' | 'captures' | 'refunds',
    target: string,
    effect: { readonly key: string; readonly amountMinor?: number },
  ): Promise<Heard>;
  lookup(key: string): Promise<Heard>;
  ledger(orderId?: string): Promise<unknown[]>;
  faults(patch: unknown): Promise<Heard>;
  send(method: string, route: string, content?: Content): Promise<Heard>;
}

/** The order of all test charges. */
export const ORDER_ID = 'ord_test';

/** A client of the simulator at this address. */
export function createTestClient(url: string): TestClient {
  const send: TestClient['send'] = async (method, route, content = {}) => {
    try {
      const response = await fetch(`${url}${route}`, { method, ...content });
      return { status: response.status, body: toRecord(await response.json()) };
    } catch {
      return { status: 'reset' };
    }
  };
  const post = (route: string, key: string, body: object): Promise<Heard> =>
    send('POST', route, { body: JSON.stringify(body), headers: { 'Idempotency-Key': key } });
  const order = { orderId: ORDER_ID, currency: 'EUR' };
  return {
    send,
    charge: (key, overrides = {}) =>
      post('/v1/payments', key, { ...order, kind: 'sale', amountMinor: 1_000, method: 'pm_ok', ...overrides }),
    act: (action, target, { key, amountMinor }) =>
      post(`/v1/payments/${encodeURIComponent(target)}/${action}`, key, { ...order, amountMinor }),
    lookup: (key) => send('GET', `/v1/payments/${encodeURIComponent(key)}`),
    faults: (patch) => send('POST', '/faults', { body: JSON.stringify(patch) }),
    async ledger(orderId) {
      const heard = await send('GET', orderId === undefined ? '/ledger' : `/ledger?orderId=${orderId}`);
      if (heard.status !== 200 || !Array.isArray(heard.body.entries)) throw new Error('the ledger did not answer');
      return heard.body.entries;
    },
  };
}

/** A simulator in this process with a ledger of its own; `dispose` closes it and removes the ledger. */
export async function startTestSimulator(
  options: Partial<SimulatorOptions> = {},
): Promise<{ client: TestClient; simulator: Simulator; ledgerFile: string; dispose: () => Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'simulator-'));
  const ledgerFile = path.join(directory, 'ledger.jsonl');
  const simulator = await createSimulator({ ledgerFile, slowMs: 1_500, ...options });
  return {
    client: createTestClient(simulator.url),
    simulator,
    ledgerFile,
    async dispose() {
      try {
        await simulator.close();
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

/** Waits for an event that has no answer. Throws after `timeoutMs`. */
export async function eventually(condition: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new Error('expected a JSON object');
  return Object.fromEntries(Object.entries(value));
}
