import { SmsGatewayOpenError, SmsRejectedError, SmsUnavailableError } from '../domain/errors.ts';
import { createBreakers, type BreakerListener } from './circuit-breaker.ts';

/** One text message to one customer. */
export interface TextMessage {
  readonly orderId: string;
  /** The same for every attempt, so that the gateway can drop a second copy. */
  readonly messageId: string;
  /** The phone number, E.164. */
  readonly to: string;
  readonly text: string;
}

/** The port to an SMS gateway. */
export interface SmsGateway {
  /**
   * Hands a text message to the gateway, without retrying.
   * @throws {SmsUnavailableError} when a later try may succeed.
   * @throws {SmsGatewayOpenError} when the message was not sent.
   * @throws {SmsRejectedError} when no later try can succeed.
   */
  send(message: TextMessage): Promise<void>;
}

/** A healthy gateway answers in a fraction of a second; otherwise the message is retried later. */
const SMS_TIMEOUT_MS = 5_000;

/** 4xx statuses that are about our settings or the present moment, and not about the message. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 407, 408, 425, 429]);

/**
 * Sends over HTTP: `POST url` with `{"id", "to", "text", "reference"}`, an `Idempotency-Key` and, if there is one, a
 * bearer token. Any 2xx means that the gateway has accepted the message.
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

/**
 * The status of the answer; null when no answer came. The answer's text is dropped unread, because it may repeat the
 * number.
 */
async function statusOf(url: string, init: RequestInit): Promise<number | null> {
  try {
    const response = await fetch(url, init);
    // Only the status matters: an answer that breaks off later still was a delivery.
    await response.body?.cancel().catch(() => {});
    return response.status;
  } catch {
    return null;
  }
}
