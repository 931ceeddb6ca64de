import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** The latencies of a tenant that attacks nobody, in milliseconds. */
export interface Seen {
  readonly post: readonly number[];
  readonly get: readonly number[];
  /** Answers that are not a success. */
  readonly refusals: readonly string[];
}

/** Orders of the neighbor, each of which is read once. */
const PER_SECOND = 10;

const ORDER = JSON.stringify({
  customer: { id: 'neighbor' },
  currency: 'EUR',
  lines: [{ sku: 'SKU-0001', quantity: 1 }],
  payment: { method: 'pm_ok' },
});

/** Posts and reads orders for `seconds`, each due at its time, whether the answers come or not (open loop). */
export async function liveBeside(url: string, token: string, seconds: number): Promise<Seen> {
  const agent = new Agent({ keepAlive: true });
  const seen = { post: [] as number[], get: [] as number[], refusals: [] as string[] };
  const call = callerOf(url, token, agent);
  const orderAndRead = async (): Promise<void> => {
    const posted = await call('POST', '/v1/orders', ORDER);
    seen.post.push(posted.ms);
    if (posted.status !== 202) seen.refusals.push(`POST ${posted.status}`);
    else {
      const read = await call('GET', `/v1/orders/${(JSON.parse(posted.body) as { id: string }).id}`);
      seen.get.push(read.ms);
      if (read.status !== 200) seen.refusals.push(`GET ${read.status}`);
    }
  };
  const started = performance.now();
  const all: Promise<void>[] = [];
  for (let index = 0; index < seconds * PER_SECOND; index += 1) {
    await sleep(Math.max(0, started + (index * 1_000) / PER_SECOND - performance.now()));
    all.push(orderAndRead().catch((error: unknown) => void seen.refusals.push(String(error))));
  }
  await Promise.all(all);
  agent.destroy();
  return seen;
}

interface Called {
  readonly ms: number;
  readonly status: number;
  readonly body: string;
}

function callerOf(url: string, token: string, agent: Agent) {
  return (method: string, path: string, body?: string): Promise<Called> =>
    new Promise((resolve, reject) => {
      const started = performance.now();
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body === undefined
          ? {}
          : {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
              'idempotency-key': randomUUID(),
            }),
      };
      const sent = request(url + path, { method, agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () =>
          resolve({ ms: performance.now() - started, status: answer.statusCode ?? 0, body: text }),
        );
      });
      sent.on('error', reject).end(body);
    });
}
