import { SmsGatewayOpenError, SmsRejectedError, SmsUnavailableError } from '../domain/errors.ts';
import { createBreakers, type BreakerListener } from './circuit-breaker.ts';

/** One text message to one customer. */
export interface TextMessage {
  readonly orderId: string;
  /** Stable over attempts: the gateway drops the second one. */
  readonly messageId: string;
  /** E.164. */
  readonly to: string;
  readonly text: string;
}

/** The port to an SMS gateway. */
export interface SmsGateway {
  /**
   * Hands a text message over, without retrying.
   * @throws {SmsUnavailableError} try later. @throws {SmsGatewayOpenError} not sent. @throws {SmsRejectedError} final.
   */
  send(message: TextMessage): Promise<void>;
}

/** A gateway answers in a fraction of a second; the message waits its turn elsewhere if it does not. */
const SMS_TIMEOUT_MS = 5_000;

/** 4xx that say something of our settings or of this moment, and nothing of the message. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 407, 408, 425, 429]);

/**
 * Creates the HTTP adapter: `POST url` with `{"id", "to", "text", "reference"}`, `Idempotency-Key` and, when there is
 * one, a bearer token. Any 2xx is a message taken over.
 */
export function createHttpSmsGateway(options: {
  readonly url: string;
  readonly token: string | null;
  readonly onBreakerChange: BreakerListener;
}): SmsGateway {
  const { url, token } = options;
  const breakers = createBreakers((error) => error instanceof SmsUnavailableError, options.onBreakerChange);
  const post = async ({ orderId, messageId, to, text }: TextMessage): Promise<void> => {
    const status = await statusOf(url, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(SMS_TIMEOUT_MS),
      headers: {
        'content-type': 'application/json',
        'idempotency-key': messageId,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ id: messageId, to, text, reference: orderId }),
    });
    if (status !== null && status >= 200 && status < 300) return;
    const isFinal = status !== null && status >= 400 && status < 500 && !PASSING_STATUSES.has(status);
    throw isFinal ? new SmsRejectedError(orderId, status) : new SmsUnavailableError(orderId);
  };
  return {
    send: (message) =>
      breakers.run(
        'sms',
        () => post(message),
        () => new SmsGatewayOpenError(message.orderId),
      ),
  };
}

/** Null when nobody answered. The answer's text is dropped unread: it may repeat the number. */
async function statusOf(url: string, init: RequestInit): Promise<number | null> {
  try {
    const response = await fetch(url, init);
    // The status is what counts: an answer that breaks off after it was a delivery all the same.
    await response.body?.cancel().catch(() => {});
    return response.status;
  } catch {
    return null;
  }
}
