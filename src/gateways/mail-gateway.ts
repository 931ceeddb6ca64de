import { createTransport } from 'nodemailer';
import { MailGatewayOpenError, MailRejectedError, MailUnavailableError } from '../domain/errors.ts';
import { createBreakers, type BreakerListener } from './circuit-breaker.ts';

/** One mail to one customer. */
export interface Mail {
  readonly orderId: string;
  /** Stable over attempts, so that a second copy can be recognized. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The port to a mail server. */
export interface MailGateway {
  /**
   * Hands a mail over, without retrying.
   * @throws {MailUnavailableError} try later. @throws {MailGatewayOpenError} not sent. @throws {MailRejectedError} final.
   */
  send(mail: Mail): Promise<void>;
  /** Resolves when the mail server greets. */
  ping(): Promise<void>;
  close(): void;
}

/** SMTP on a good day answers in milliseconds; the message waits its turn elsewhere if it does not. */
const SMTP_TIMEOUT_MS = 5_000;

/** Mails of one process go over this many connections, so a burst does not open hundreds. */
const SMTP_CONNECTIONS = 5;

/** Creates the SMTP adapter; `url` as `smtp://host:port` or `smtps://user:password@host:port`. */
export function createSmtpMailGateway(options: {
  readonly url: string;
  readonly from: string;
  readonly onBreakerChange: BreakerListener;
}): MailGateway {
  const transport = createTransport(
    {
      url: options.url,
      pool: true,
      maxConnections: SMTP_CONNECTIONS,
      maxMessages: Number.POSITIVE_INFINITY,
      connectionTimeout: SMTP_TIMEOUT_MS,
      greetingTimeout: SMTP_TIMEOUT_MS,
      socketTimeout: SMTP_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from: options.from },
  );
  const breakers = createBreakers((error) => error instanceof MailUnavailableError, options.onBreakerChange);
  return {
    send: (mail) =>
      breakers.run(
        'smtp',
        async () => {
          try {
            await transport.sendMail({
              messageId: mail.messageId,
              // As an object it is one address and never read as a list.
              to: { name: '', address: mail.to },
              subject: mail.subject,
              text: mail.text,
              headers: { 'X-Order-Id': mail.orderId },
            });
          } catch (error) {
            throw toMailError(mail.orderId, error);
          }
        },
        () => new MailGatewayOpenError(mail.orderId),
      ),
    ping: async () => {
      await transport.verify();
    },
    close: () => transport.close(),
  };
}

/** The server's text is dropped: it repeats the address. */
function toMailError(orderId: string, error: unknown): Error {
  const smtpCode = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;
  return smtpCode >= 500 && smtpCode < 600
    ? new MailRejectedError(orderId, smtpCode)
    : new MailUnavailableError(orderId, undefined);
}
