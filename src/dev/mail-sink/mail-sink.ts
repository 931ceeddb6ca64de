import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { z } from 'zod';
import { createMailInbox, INBOX_LIMIT, type InboxMessage, type MailInbox } from './mail-inbox.ts';
import { inboxPage, PAGE_LIMIT, PAGE_SECURITY_POLICY, PAGE_STYLE } from './mail-inbox-page.ts';

/** Pooled clients keep idle connections open; they get this time to leave when the sink stops. */
const CLOSE_TIMEOUT_MS = 500;

/** Far above the size of any mail of this service. */
const MAXIMUM_MAIL_BYTES = 1024 * 1024;

/** Where the sink listens; port 0 picks a free one. */
export interface MailSinkOptions {
  readonly smtpPort: number;
  readonly inboxPort: number;
  readonly host: string;
  /** Keeps the messages over a restart; with `null` or without it they are only in memory. */
  readonly file?: string | null;
  /** The newest messages that are kept; default `INBOX_LIMIT`. */
  readonly kept?: number;
}

interface Servers {
  readonly inbox: MailInbox;
  readonly smtp: SMTPServer;
  readonly http: Server;
}

/** A mail server and SMS gateway for development that delivers nothing and shows everything. */
export interface MailSink {
  /** Resolves when both ports listen; rejects with the system's error when one is taken. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The ports in use; before `start` has resolved, the requested ones. */
  readonly ports: { readonly smtp: number; readonly inbox: number };
}

/**
 * SMTP without authentication or TLS, and an HTTP inbox with `GET /` (a page), `GET /messages` (newest first;
 * `?orderId=` and `?limit=` narrow it), `DELETE /messages` and `POST /sms`, which is an SMS gateway.
 */
export function createMailSink(options: MailSinkOptions): MailSink {
  const { host, smtpPort, inboxPort } = options;
  let ports = { smtp: smtpPort, inbox: inboxPort };
  let servers: Servers | null = null;
  const stop = async (): Promise<void> => {
    if (servers === null) return;
    const { inbox, smtp, http } = servers;
    servers = null;
    const closing = [closed((done) => smtp.close(done)), closed((done) => http.close(done))];
    http.closeAllConnections();
    await Promise.all(closing);
    inbox.close();
  };
  return {
    get ports() {
      return ports;
    },
    start: async () => {
      servers = createServers(options);
      const { smtp, http } = servers;
      try {
        await Promise.all([
          once(smtp.listen(smtpPort, host), 'listening'),
          once(http.listen(inboxPort, host), 'listening'),
        ]);
      } catch (error) {
        await stop();
        throw error;
      }
      ports = { smtp: portOf(smtp.server), inbox: portOf(http) };
    },
    stop,
  };
}

function createServers({ file = null, kept = INBOX_LIMIT }: MailSinkOptions): Servers {
  const inbox = createMailInbox(file, kept);
  const smtp = createSmtpServer(inbox);
  // Clients handle broken connections; `start` reports a port that is taken.
  smtp.on('error', () => {});
  const http = createServer((request, response) => {
    answer(inbox, request, response);
  });
  return { inbox, smtp, http };
}

function createSmtpServer(inbox: MailInbox): SMTPServer {
  return new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: MAXIMUM_MAIL_BYTES,
    rejectOversized: true,
    closeTimeout: CLOSE_TIMEOUT_MS,
    onData: (stream, session, callback) => {
      receive(stream, session).then(
        (message) => {
          inbox.add(message);
          callback(null);
        },
        (error: unknown) => {
          callback(error instanceof Error ? error : new Error(String(error)));
        },
      );
    },
  });
}

async function receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<InboxMessage> {
  const mail = await PostalMime.parse(await buffer(stream));
  return {
    channel: 'email',
    messageId: mail.messageId ?? null,
    to: session.envelope.rcptTo.map(({ address }) => address).join(', '),
    subject: mail.subject ?? '',
    orderId: mail.headers.find(({ key }) => key === 'x-order-id')?.value ?? null,
    text: mail.text ?? '',
    at: new Date().toISOString(),
  };
}

/** The request of `src/gateways/sms-gateway.ts`. */
const textMessageSchema = z.object({
  id: z.string(),
  to: z.string().regex(/^\+[1-9]\d{6,14}$/),
  text: z.string(),
  reference: z.string().nullable().default(null),
});

async function receiveText(inbox: MailInbox, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { id, to, text, reference } = textMessageSchema.parse(JSON.parse((await buffer(request)).toString('utf8')));
    const at = new Date().toISOString();
    inbox.add({ channel: 'sms', messageId: id, to, subject: '', orderId: reference, text, at });
    response.writeHead(202).end();
  } catch {
    response.writeHead(422).end();
  }
}

function answer(inbox: MailInbox, request: IncomingMessage, response: ServerResponse): void {
  const url = URL.parse(request.url ?? '/', 'http://inbox');
  if (url === null) {
    response.writeHead(400).end();
    return;
  }
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      response.setHeader('Content-Security-Policy', PAGE_SECURITY_POLICY);
      send(response, 'text/html', inboxPage(inbox.newest({ limit: PAGE_LIMIT })));
      break;
    case 'GET /inbox.css':
      send(response, 'text/css', PAGE_STYLE);
      break;
    case 'GET /messages':
      send(response, 'application/json', JSON.stringify(inbox.newest(filterFrom(url))));
      break;
    case 'POST /sms':
      void receiveText(inbox, request, response);
      break;
    case 'DELETE /messages':
      inbox.clear();
      response.writeHead(204).end();
      break;
    default:
      response.writeHead(404).end();
  }
}

function filterFrom({ searchParams }: URL): { orderId?: string; limit?: number } {
  const orderId = searchParams.get('orderId');
  const limit = Number(searchParams.get('limit'));
  return {
    ...(orderId === null ? {} : { orderId }),
    ...(Number.isInteger(limit) && limit > 0 ? { limit } : {}),
  };
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(body);
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the mail sink does not listen');
  return address.port;
}

function closed(close: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    close(() => {
      resolve();
    });
  });
}
