import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { LOOPBACK } from '../../src/dev/processes/ports.ts';
import { ALERTS_PATH, MODE_PATH, receiverModeSchema, type ReceivedWebhook, type ReceiverMode } from './receiver.ts';

// A merchant's server for webhooks and alerts, as a process of its own. What it has taken is in its file before it
// answers, so that a SIGKILL loses nothing. After a start it takes everything.

const { RECEIVER_PORT, RECEIVER_FILE } = z
  .object({ RECEIVER_PORT: z.coerce.number().int(), RECEIVER_FILE: z.string() })
  .parse(process.env);

let mode: ReceiverMode = { kind: 'take' };

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const answered = mode.kind === 'refuse' ? mode.status : mode.kind === 'take' ? 200 : 0;
  if (request.url !== ALERTS_PATH) note(request, { body, answered });
  if (answered === 0) request.socket.resetAndDestroy();
  else response.writeHead(answered).end();
}

function note({ headers: raw }: IncomingMessage, { body, answered }: Pick<ReceivedWebhook, 'body' | 'answered'>): void {
  const headers = Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, String(value)]));
  const received: ReceivedWebhook = { at: Date.now(), id: headers['webhook-id'] ?? '', headers, body, answered };
  appendFileSync(RECEIVER_FILE, `${JSON.stringify(received)}\n`);
}

async function setMode(request: IncomingMessage, response: ServerResponse): Promise<void> {
  mode = receiverModeSchema.parse(JSON.parse(await text(request)));
  response.writeHead(204).end();
}

createServer((request, response) => {
  const answer = request.url === MODE_PATH ? setMode(request, response) : take(request, response);
  // A sender that was cut off in the middle sends the message again.
  answer.catch(() => response.destroy());
}).listen(RECEIVER_PORT, LOOPBACK);

process.once('SIGTERM', () => process.exit(0));
