import { createTransport } from 'nodemailer';
import { MailGatewayOpenError, MailRejectedError, MailUnavailableError } from '../domain/errors.ts';
import { createBreakers, type BreakerListener } from './circuit-breaker.ts';

/** One mail to one customer, or to one operator. */
export interface Mail {
  /** Null for a mail that is about no single order. */
  readonly orderId: string | null;
  /** The same for every attempt, so that a second copy can be recognized. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The port to a mail server. */
export interface MailGateway {
  /**
   * Hands a mail to the server, without retrying.
   * @throws {MailUnavailableError} when a later try may succeed.
   * @throws {MailGatewayOpenError} when the mail was not sent.
   * @throws {MailRejectedError} when no later try can succeed.
   */
  send(mail: Mail): Promise<void>;
  /** Resolves when the mail server greets. */
  ping(): Promise<void>;
  close(): void;
}

/** A healthy SMTP server answers in milliseconds; otherwise the message is retried later. */
const SMTP_TIMEOUT_MS = 5_000;

/** Mails of one process go over this many connections, so a burst does not open hundreds. */
const SMTP_CONNECTIONS = 5;

/** Sends over SMTP. `url` is `smtp://host:port` or `smtps://user:password@host:port`. */
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
              // An object is one address; a string could be read as a list.
              to: { name: '', address: mail.to },
              subject: mail.subject,
              text: mail.text,
              headers: mail.orderId === null ? {} : { 'X-Order-Id': mail.orderId },
            });
          } catch (error) {
            throw toMailError(subjectOf(mail), error);
          }
        },
        () => new MailGatewayOpenError(subjectOf(mail)),
      ),
    ping: async () => {
      await transport.verify();
    },
    close: () => transport.close(),
  };
}

/** What the errors name. */
function subjectOf({ orderId }: Mail): string {
  return orderId ?? 'operators';
}

/** The server's text is dropped, because it repeats the address. */
function toMailError(orderId: string, error: unknown): Error {
  const smtpCode = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;
  return smtpCode >= 500 && smtpCode < 600
    ? new MailRejectedError(orderId, smtpCode)
    : new MailUnavailableError(orderId, undefined);
}
