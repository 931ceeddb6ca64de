import { Webhook } from 'standardwebhooks';
import { Agent, buildConnector, request, type Dispatcher } from 'undici';
import { WEBHOOK_EXCERPT_MAX } from '../domain/webhook.ts';
import {
  AddressNotAllowedError,
  createPublicLookup,
  isPublicAddress,
  literalAddress,
  type AddressResolver,
} from './webhook-address.ts';

/** One signed message to one receiver. */
export interface WebhookMessage {
  /** `webhook-id`: the same for every attempt. */
  readonly messageId: string;
  readonly url: string;
  /** `whsec_...`. */
  readonly secret: string;
  readonly body: string;
}

/** Why a receiver gave no answer. */
export type WebhookSilence = 'address_not_allowed' | 'timeout' | 'unreachable';

/** What a receiver said; only `accepted` (2xx) counts as delivered, and `gone` (410) means never again. */
export type WebhookAnswer =
  | { readonly kind: 'accepted' | 'gone' | 'refused'; readonly status: number; readonly excerpt: string }
  | { readonly kind: 'silent'; readonly why: WebhookSilence };

/** The port to the receivers of webhooks. */
export interface WebhookGateway {
  /** Sends once: no retry, no redirect. Never throws for what a receiver does. */
  send(message: WebhookMessage): Promise<WebhookAnswer>;
  close(): Promise<void>;
}

/** How webhooks are sent. */
export interface WebhookGatewayOptions {
  /** Loopback and private addresses too: development only. */
  readonly allowPrivate: boolean;
  /** Limit of one whole exchange, the name's resolution and the answer's body included. */
  readonly timeoutMs?: number;
  /** For tests of names that change their mind. */
  readonly resolve?: AddressResolver;
}

/** Long enough for a receiver that works before it answers, short enough that a hanging one costs little. */
const TIMEOUT_MS = 10_000;

/** Of an answer's body so much is read; the connection is closed when there is more. */
const ANSWER_MAX_BYTES = 64 * 1024;

const HEADERS = { 'content-type': 'application/json', 'user-agent': 'order-saga-webhooks/1' } as const;

/** Creates the sender of webhooks, signed by the Standard Webhooks scheme. */
export function createWebhookGateway(options: WebhookGatewayOptions): WebhookGateway {
  const { allowPrivate, timeoutMs = TIMEOUT_MS } = options;
  const agent = new Agent({
    // One connection carries one message at a time: what one receiver's answer does cannot touch another.
    allowH2: false,
    connect: allowPrivate ? { timeout: timeoutMs } : publicConnector(timeoutMs, options.resolve),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    pipelining: 1,
  });
  return {
    send: async (message) => {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        return await post(agent, message, signal);
      } catch (error) {
        return { kind: 'silent', why: silenceOf(error, signal) };
      }
    },
    close: () => agent.destroy(),
  };
}

/** Names go through the checking look-up; a literal address never reaches it, so it is looked at here. */
function publicConnector(timeoutMs: number, resolve: AddressResolver | undefined): buildConnector.connector {
  const connect = buildConnector({ allowH2: false, timeout: timeoutMs, lookup: createPublicLookup(resolve) });
  return (target, callback) => {
    const literal = literalAddress(target.hostname);
    if (literal === null || isPublicAddress(literal)) connect(target, callback);
    else callback(new AddressNotAllowedError(), null);
  };
}

async function post(agent: Agent, message: WebhookMessage, signal: AbortSignal): Promise<WebhookAnswer> {
  const { messageId, url, secret, body } = message;
  const sentAt = new Date();
  const { statusCode, body: answer } = await request(url, {
    method: 'POST',
    dispatcher: agent,
    signal,
    body,
    headers: {
      ...HEADERS,
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign(messageId, sentAt, body),
    },
  });
  const excerpt = excerptOf(await readCapped(answer));
  return { kind: kindOf(statusCode), status: statusCode, excerpt };
}

function kindOf(status: number): 'accepted' | 'gone' | 'refused' {
  if (status >= 200 && status < 300) return 'accepted';
  return status === 410 ? 'gone' : 'refused';
}

/** The status is what counts: a body that ends early or never is cut, not a failure. */
async function readCapped(answer: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A body that is cut ends with an error that nobody waits for.
  answer.on('error', () => {});
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= ANSWER_MAX_BYTES) break;
    }
  } catch {
    // What came until then is kept.
  }
  return Buffer.concat(chunks).subarray(0, ANSWER_MAX_BYTES);
}

/** The beginning of an answer as text that PostgreSQL can hold. */
function excerptOf(bytes: Buffer): string {
  const text = bytes.toString('utf8').replaceAll('\0', '\u{FFFD}');
  return text.slice(0, WEBHOOK_EXCERPT_MAX).toWellFormed();
}

function silenceOf(error: unknown, signal: AbortSignal): WebhookSilence {
  let current = error;
  while (current instanceof Error) {
    if (current instanceof AddressNotAllowedError) return 'address_not_allowed';
    if (/Timeout/.test(current.name)) return 'timeout';
    current = current.cause;
  }
  return signal.aborted ? 'timeout' : 'unreachable';
}
