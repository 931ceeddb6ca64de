import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { serve } from '@hono/node-server';
import { PROBLEMS, problemBody, type ProblemCode } from './problem.ts';

/** An HTTP server that can be closed in order. */
export interface HttpServer {
  readonly port: number;
  /** Stops accepting, lets requests under way end, cuts what is left after the grace time. */
  close(graceMs: number): Promise<void>;
}

/** Whole request within 15 s, headers within 10 s: a slow client cannot hold a connection for minutes. */
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;

/** Longer than the idle time-out of usual load balancers (60 s), so that the balancer closes first. */
const KEEP_ALIVE_MS = 65_000;

/** The port is taken; the message names the variable to change. */
export class PortTakenError extends Error {
  constructor(port: number) {
    super(`Port ${port} is taken: set API_PORT to another one`);
    this.name = 'PortTakenError';
  }
}

/** Starts listening. @throws {PortTakenError} */
export function startHttpServer(options: {
  readonly fetch: (request: Request, env: never) => Response | Promise<Response>;
  readonly host: string;
  readonly port: number;
}): Promise<HttpServer> {
  return new Promise((resolve, reject) => {
    const server = serve(
      {
        fetch: options.fetch as Parameters<typeof serve>[0]['fetch'],
        hostname: options.host,
        port: options.port,
        serverOptions: {
          requestTimeout: REQUEST_TIMEOUT_MS,
          headersTimeout: HEADERS_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_MS,
        },
      },
      ({ port }) => resolve({ port, close: (graceMs) => closeServer(server, graceMs) }),
    ) as Server;
    server.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortTakenError(options.port) : error);
    });
    server.on('clientError', answerParserError);
  });
}

/** What Node's parser refuses never reaches the application; it gets a problem all the same. */
function answerParserError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const code: ProblemCode = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'bad_request';
  const requestId = randomUUID();
  const body = problemBody(code, 'the HTTP request could not be parsed', requestId);
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
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
