import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';

/** One webhook as it arrived, whatever it was answered. */
export interface ReceivedWebhook {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Its `webhook-id`, the same in each repeat. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The status that it was answered with; 0 when the connection was reset instead. */
  readonly answered: number;
}

/** How a merchant's server answers: takes everything, refuses with a status, or takes the message and resets. */
export type ReceiverMode = { readonly kind: 'take' | 'reset' } | { readonly kind: 'refuse'; readonly status: number };

/** A merchant's server for webhooks, in this process. */
export interface Receiver {
  readonly port: number;
  readonly received: readonly ReceivedWebhook[];
  answer(mode: ReceiverMode): void;
  close(): void;
}

export async function startReceiver(): Promise<Receiver> {
  const received: ReceivedWebhook[] = [];
  let mode: ReceiverMode = { kind: 'take' };
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await buffer(request)).toString('utf8');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const present = mode;
    const answered = present.kind === 'refuse' ? present.status : present.kind === 'take' ? 200 : 0;
    received.push({ at: Date.now(), id: headers['webhook-id'] ?? '', headers, body, answered });
    if (answered === 0) request.socket.resetAndDestroy();
    else response.writeHead(answered).end();
  };
  const port = await findFreePort();
  const server = createServer((request, response) => {
    // A sender that was cut off in the middle sends the message again.
    take(request, response).catch(() => response.destroy());
  }).listen(port, LOOPBACK);
  await once(server, 'listening');
  return {
    port,
    received,
    answer: (next) => {
      mode = next;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
