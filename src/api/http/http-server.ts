import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import {
  createCertificateReload,
  readCertificate,
  type CertificateFiles,
  type CertificateListener,
} from '../../runtime/certificate-reload.ts';
import { startListening, type Listening } from '../../runtime/listening.ts';
import { createConnectionTurns, type ConnectionTurns } from './connection-turns.ts';
import { problemOfHead, refuseEarly, type EarlyRefusal, type RefusalOfHead } from './request-head.ts';
import { PROBLEMS, problemBody, type ProblemCode } from './problem.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** An HTTP server that can be closed in order. */
export interface HttpServer {
  readonly port: number;
  /** The certificate that is shown to the next caller, in PEM; null for plain HTTP. */
  certificate(): string | null;
  /** Stops accepting, lets requests under way end, and cuts those that remain after the grace time. */
  close(graceMs: number): Promise<void>;
}

/**
 * The whole request must arrive within 15 s, its headers within 10 s, so a slow client cannot hold a connection for
 * minutes.
 */
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;

/** How often connections are compared with these limits; Node would look every 30 s. */
const TIMEOUTS_CHECKED_MS = 1_000;

/** Longer than the idle time-out of usual load balancers (60 s), so that the balancer closes first. */
const KEEP_ALIVE_MS = 65_000;

/**
 * A connection without any traffic for this long is cut, because its client does not read the answer. It is twice the
 * longest wait for an order; streams send something every 2 s.
 */
const STILL_MS = 60_000;

/**
 * After the last answer of a connection its client has this long to read it and to close its side, which it may never
 * do.
 */
const LINGER_MS = 2_000;

/** How soon a connection that became idle during a shutdown is closed. */
const IDLE_SWEEP_MS = 50;

/** The port is taken; the message names the variable to change. */
export class PortTakenError extends Error {
  constructor(port: number, variable: string) {
    super(`Port ${port} is taken: set ${variable} to another one`);
    this.name = 'PortTakenError';
  }
}

/** The handler of requests; the application's `fetch`. */
type Fetch = (request: Request, env: never) => Response | Promise<Response>;

/** A request that the application never saw, and its answer. */
export interface RefusedRequest {
  readonly requestId: string;
  readonly status: number;
  readonly errorCode: ProblemCode;
}

type RefusalListener = (refused: RefusedRequest) => void;

/** HTTPS with the certificate of these files, which may be replaced while the server runs. */
export type HttpsOptions = CertificateListener & { readonly files: CertificateFiles; readonly intervalMs?: number };

interface HttpServerOptions extends ListenerOptions {
  readonly port: number;
  /** The setting that chooses another port. */
  readonly portVariable: string;
  /** Null for plain HTTP. */
  readonly tls: HttpsOptions | null;
}

/**
 * Starts listening.
 * @throws {PortTakenError} when the port is taken.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const turns = createConnectionTurns();
  const { server, reload } = await openServer(options, requestListener(options, turns));
  server.setTimeout(STILL_MS);
  answerOddities(server, turns, options.onRefused);
  const listening = await listen(server, options);
  return {
    port: listening.port,
    certificate: () => reload?.certificate() ?? null,
    close: (graceMs) => {
      reload?.stop();
      return closeServer(server, listening, graceMs);
    },
  };
}

const LIMITS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
  connectionsCheckingInterval: TIMEOUTS_CHECKED_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Node would answer an empty 400; `requestListener` answers a problem instead.
  requireHostHeader: false,
} as const;

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;

async function openServer({ tls }: HttpServerOptions, onRequest: OnRequest) {
  if (tls === null) return { server: createServer(LIMITS, onRequest), reload: null };
  const first = await readCertificate(tls.files);
  const server = createTlsServer({ ...LIMITS, ...first, handshakeTimeout: HEADERS_TIMEOUT_MS }, onRequest);
  const reload = createCertificateReload(server, { ...tls, first });
  reload.start();
  return { server, reload };
}

/** What Node would answer by itself, or not at all. */
function answerOddities(server: Server, turns: ConnectionTurns, onRefused: RefusalListener): void {
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    refuse(response, 'the Expect header asks for what this server does not do', onRefused);
  });
  server.on('connect', (_: IncomingMessage, socket: Duplex) => {
    // The server has released this socket: without a listener its error would end the process.
    socket.on('error', () => {});
    endSocket(socket, { code: 'bad_request', detail: 'this is no proxy' }, onRefused);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    answerParserError(error, socket, { turns, onRefused }),
  );
}

async function listen(server: Server, { port, host, portVariable }: HttpServerOptions): Promise<Listening> {
  try {
    return await startListening(server, { port, host });
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw isTaken ? new PortTakenError(port, portVariable) : error;
  }
}

interface ListenerOptions {
  readonly fetch: Fetch;
  readonly host: string;
  readonly onRefused: RefusalListener;
  /** Without it every request reaches the application. */
  readonly early?: {
    readonly refusalOf: RefusalOfHead;
    readonly onRefused: (refused: EarlyRefusal) => void;
  };
}

/** Hands requests to the application, except for those whose head makes no address or is refused at once. */
function requestListener({ fetch, host, onRefused, early }: ListenerOptions, turns: ConnectionTurns) {
  const listener = getRequestListener(fetch as Parameters<typeof getRequestListener>[0], {
    // Replaces the Host header, which HTTP/1.0 health checks do not send.
    hostname: host.includes(':') ? `[${host}]` : host,
    errorHandler: (error) => toResponse(error instanceof RequestError, onRefused),
  });
  return (request: IncomingMessage, response: ServerResponse): void => {
    turns.take(request, response, () => {
      response.setHeaders(SECURITY_HEADERS);
      const problem = problemOfHead(request);
      if (problem !== null) {
        refuse(response, problem, onRefused);
        return;
      }
      const refusal = early?.refusalOf(request) ?? null;
      if (refusal === null) void listener(request, response);
      else early?.onRefused(refuseEarly(request, response, refusal));
    });
  };
}

function toResponse(isClientFault: boolean, onRefused: RefusalListener): Response {
  const code: ProblemCode = isClientFault ? 'bad_request' : 'internal_error';
  const detail = isClientFault ? 'the address of the request is malformed' : 'something went wrong here';
  const requestId = newRefusal(code, onRefused);
  return new Response(problemBody({ code, detail }, requestId), {
    status: PROBLEMS[code].status,
    headers: { 'Content-Type': 'application/problem+json', 'X-Request-Id': requestId },
  });
}

/** Connections that have had their last answer; further bytes on them are not a request. */
const refused = new WeakSet<Duplex>();

/** Its request id. */
function newRefusal(errorCode: ProblemCode, onRefused: RefusalListener): string {
  const requestId = randomUUID();
  onRefused({ requestId, status: PROBLEMS[errorCode].status, errorCode });
  return requestId;
}

function refuse(response: ServerResponse, detail: string, onRefused: RefusalListener): void {
  if (response.socket !== null) refused.add(response.socket);
  const requestId = newRefusal('bad_request', onRefused);
  response.writeHead(PROBLEMS.bad_request.status, {
    'Content-Type': 'application/problem+json',
    'X-Request-Id': requestId,
    Connection: 'close',
  });
  response.end(problemBody({ code: 'bad_request', detail }, requestId));
}

const NOT_PARSED = 'the HTTP request could not be parsed';

const PARSER_PROBLEMS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', NOT_PARSED],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'the request did not arrive in time'],
};

interface LastWord {
  readonly turns: ConnectionTurns;
  readonly onRefused: RefusalListener;
}

/**
 * Requests that Node's parser refuses never reach the application. They are answered with a problem as well, after the
 * answers to the whole requests before them: a client that has sent an order and then something else must not take the
 * second answer for the first.
 */
function answerParserError(error: NodeJS.ErrnoException, socket: Duplex, { turns, onRefused }: LastWord): void {
  if (error.code === 'ECONNRESET' || !socket.writable || refused.has(socket)) return;
  refused.add(socket);
  // The client has not asked anything: a thousand of these connections are cut at once, and an answer to each would
  // delay all others.
  if (socket instanceof Socket && socket.bytesRead === 0) {
    socket.destroy();
    return;
  }
  const [code, detail] = PARSER_PROBLEMS[error.code ?? ''] ?? (['bad_request', NOT_PARSED] as const);
  turns.end(socket, () => endSocket(socket, { code, detail }, onRefused));
}

function endSocket(
  socket: Duplex,
  { code, detail }: { readonly code: ProblemCode; readonly detail: string },
  onRefused: RefusalListener,
): void {
  const requestId = newRefusal(code, onRefused);
  const body = problemBody({ code, detail }, requestId);
  const { status, title } = PROBLEMS[code];
  socket.end(
    [
      `HTTP/1.1 ${status} ${title}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
}

async function closeServer(server: Server, listening: Listening, graceMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  // Clients keep connections open whose requests end during the grace time; these are closed here.
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const stopped = listening.stop();
  server.closeIdleConnections();
  await stopped;
  clearTimeout(cut);
  clearInterval(sweep);
}
