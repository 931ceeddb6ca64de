import { setTimeout as sleep } from 'node:timers/promises';
import { postPatiently } from './load.ts';
import type { SystemClient } from './system.ts';

/** An order of the load, with the instant in ms at which its client first sent it. */
export interface SentOrder {
  readonly sentAt: number;
  /** Null when no API accepted it. */
  readonly orderId: string | null;
}

/** Orders at a fixed rate until it is stopped. */
export interface RollingLoad {
  /** Sends no further orders, and resolves when each one sent is answered. */
  stop(): Promise<readonly SentOrder[]>;
}

/** Longer than any rolling update of a test; a test that forgets to stop the load does not hang. */
const LOAD_ENDS_AFTER_MS = 240_000;

/** Starts to send orders at a rate that does not depend on the answers. */
export function startRollingLoad(client: SystemClient, perSecond: number): RollingLoad {
  const sent: Promise<SentOrder>[] = [];
  const stopped = new AbortController();
  const sendAll = async (): Promise<void> => {
    const startedAt = performance.now();
    for (let index = 0; !stopped.signal.aborted; index += 1) {
      const dueAt = startedAt + (index * 1_000) / perSecond;
      if (dueAt - startedAt > LOAD_ENDS_AFTER_MS) return;
      await sleep(Math.max(0, dueAt - performance.now()));
      const sentAt = Date.now();
      sent.push(postPatiently(client, {}).then(({ orderId }) => ({ sentAt, orderId })));
    }
  };
  const running = sendAll();
  return {
    stop: async () => {
      stopped.abort();
      await running;
      return Promise.all(sent);
    },
  };
}

/** A client that asks several APIs in turn, like a load balancer without health checks. */
export function alternating(clients: readonly [SystemClient, ...SystemClient[]]): SystemClient {
  let turn = 0;
  const [first] = clients;
  return {
    ...first,
    request: (path, init) => {
      turn += 1;
      return (clients[turn % clients.length] ?? first).request(path, init);
    },
  };
}
