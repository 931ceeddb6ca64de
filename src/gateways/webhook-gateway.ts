import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { Webhook } from 'standardwebhooks';
import { WEBHOOK_EXCERPT_MAX } from '../domain/webhook.ts';
import { retryAfterMs } from './retry-after.ts';
import { createPublicLookup, isPublicAddress, literalAddress, type AddressResolver } from './webhook-address.ts';
import { silenceOf, type WebhookSilence } from './webhook-silence.ts';

/** One signed message to one receiver. */
export interface WebhookMessage {
  /** `webhook-id`: the same for every attempt. */
  readonly messageId: string;
  readonly url: string;
  /** `whsec_...`. */
  readonly secret: string;
  readonly body: string;
}

/**
 * The receiver's answer. Only `accepted` (2xx) counts as delivered; `gone` (410) means that nothing may be sent again.
 */
export type WebhookAnswer =
  | { readonly kind: 'accepted' | 'gone'; readonly status: number; readonly excerpt: string }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly excerpt: string;
      /** How long the receiver asks not to be called, with 429 and 503; null when it does not ask. */
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: 'silent'; readonly why: WebhookSilence };

/** The port to the receivers of webhooks. */
export interface WebhookGateway {
  /** Sends once, without a retry or a redirect. It never throws because of the receiver. */
  send(message: WebhookMessage): Promise<WebhookAnswer>;
  close(): Promise<void>;
}

/** How webhooks are sent. */
export interface WebhookGatewayOptions {
  /** Whether loopback and private addresses are allowed; only for development. */
  readonly allowPrivate: boolean;
  /** Limit of one whole exchange, including the look-up of the name and the answer's body. */
  readonly timeoutMs?: number;
  /** For tests with names that change their addresses. */
  readonly resolve?: AddressResolver;
}

/** Long enough for a receiver that works before it answers, and short enough that a hanging one costs little. */
const TIMEOUT_MS = 10_000;

/** Bytes of an answer's body that are read; the connection is closed when there are more. */
const ANSWER_MAX_BYTES = 64 * 1024;

/** An idle connection is closed before most receivers would close it. */
const IDLE_MS = 4_000;

const HEADERS = { 'content-type': 'application/json', 'user-agent': 'order-saga-webhooks/1' } as const;

/**
 * Sends webhooks that are signed by the Standard Webhooks scheme. It uses Node's own client, which handles
 * informational answers that were not asked for (100 Continue), as HTTP requires.
 */
export function createWebhookGateway(options: WebhookGatewayOptions): WebhookGateway {
  const { allowPrivate, timeoutMs = TIMEOUT_MS } = options;
  const lookup = allowPrivate ? {} : { lookup: createPublicLookup(options.resolve) };
  // A connection carries one message at a time, so that one receiver's answer cannot affect another message.
  const http = new HttpAgent({ keepAlive: true, timeout: IDLE_MS });
  const https = new HttpsAgent({ keepAlive: true, timeout: IDLE_MS });
  return {
    send: async (message) => {
      const url = new URL(message.url);
      // Node does not call `lookup` for a literal address, so it is checked here.
      const literal = literalAddress(url.hostname);
      if (!allowPrivate && literal !== null && !isPublicAddress(literal)) {
        return { kind: 'silent', why: 'address_not_allowed' };
      }
      const signal = AbortSignal.timeout(timeoutMs);
      const ways = { ...lookup, signal, method: 'POST', headers: headersOf(message) } satisfies RequestOptions;
      const request =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...ways, agent: https })
          : httpRequest(url, { ...ways, agent: http });
      return exchange(request, message.body, signal);
    },
    close: () => {
      http.destroy();
      https.destroy();
      return Promise.resolve();
    },
  };
}

function headersOf({ messageId, secret, body }: WebhookMessage): Record<string, string> {
  const sentAt = new Date();
  return {
    ...HEADERS,
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(messageId, sentAt, body),
  };
}

/** Sends a body and reads the answer. It always resolves. */
function exchange(request: ClientRequest, body: string, signal: AbortSignal): Promise<WebhookAnswer> {
  return new Promise((resolve) => {
    let isAnswered = false;
    request.on('error', (error) => {
      // Once the head of an answer has arrived, its status counts, even if the body fails.
      if (!isAnswered) resolve({ kind: 'silent', why: silenceOf(error, request, signal) });
    });
    request.once('response', (answer) => {
      isAnswered = true;
      void readAnswer(answer).then(resolve);
    });
    request.end(body);
  });
}

async function readAnswer(answer: IncomingMessage): Promise<WebhookAnswer> {
  const status = answer.statusCode ?? 0;
  const excerpt = excerptOf(await readCapped(answer));
  if (status >= 200 && status < 300) return { kind: 'accepted', status, excerpt };
  if (status === 410) return { kind: 'gone', status, excerpt };
  const asksForTime = status === 429 || status === 503;
  const retryAfter = asksForTime ? retryAfterMs(answer.headers['retry-after']) : null;
  return { kind: 'refused', status, excerpt, retryAfterMs: retryAfter };
}

/** Only the status matters, so a body that ends early or never is cut and is not a failure. */
async function readCapped(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A body that is cut ends with an error that no code waits for.
  answer.on('error', () => {});
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= ANSWER_MAX_BYTES) break;
    }
  } catch {
    // The bytes that arrived before are kept.
  }
  return Buffer.concat(chunks).subarray(0, ANSWER_MAX_BYTES);
}

/** The beginning of an answer as text that PostgreSQL can hold. */
function excerptOf(bytes: Buffer): string {
  const text = bytes.toString('utf8').replaceAll('\0', '\u{FFFD}');
  return text.slice(0, WEBHOOK_EXCERPT_MAX).toWellFormed();
}
