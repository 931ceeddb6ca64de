import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** An attack under way. */
export interface Attack {
  /** Answers of 500 and above that are not an honest 503. */
  readonly faults: () => readonly string[];
  readonly stop: () => void;
}

/** The server that an attack hits, and the tenant that attacks. */
export interface Target {
  readonly url: string;
  /** A token of the attacker's own tenant, with all scopes. */
  readonly token: string;
  /** An order of that tenant that never comes to rest. */
  readonly orderId: string;
}

interface Spec {
  readonly what: string;
  readonly start: (target: Target) => Attack;
}

/** Connections that are kept open: each sends its bytes once, and is opened again as soon as it is cut. */
interface Crowd {
  readonly connections: number;
  readonly bytes: string | Buffer;
  /** Whether the answers are read. */
  readonly reads?: boolean;
  /** The time after which a connection is closed and opened again, if there is one. */
  readonly lifeMs?: number;
}

/** Connections that are opened at once: as many as a server's queue of new connections takes. */
const OPENED_TOGETHER = 100;

/** How often lost connections are replaced. */
const REPLACED_MS = 250;

function crowd({ connections, bytes, reads = true, lifeMs }: Crowd): (target: Target) => Attack {
  return ({ url }) => {
    const { hostname: host, port } = new URL(url);
    const sockets = new Set<Socket>();
    const faults: string[] = [];
    const open = (): void => {
      const socket = connect({ host, port: Number(port), allowHalfOpen: true });
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {});
      if (reads) socket.on('data', (chunk: Buffer) => faults.push(...faultsIn(chunk.toString('latin1'))));
      else socket.pause();
      if (lifeMs !== undefined) setTimeout(() => socket.destroy(), lifeMs).unref();
      socket.write(bytes);
    };
    const refill = (): void => {
      const missing = Math.min(OPENED_TOGETHER, connections - sockets.size);
      for (let opened = 0; opened < missing; opened += 1) open();
    };
    refill();
    const timer = setInterval(refill, REPLACED_MS);
    return {
      faults: () => faults,
      stop: () => {
        clearInterval(timer);
        for (const socket of sockets) socket.destroy();
      },
    };
  };
}

/** An answer is one packet here; an answer that is cut in its head is ignored. */
function faultsIn(text: string): string[] {
  const heads = [...text.matchAll(/HTTP\/1\.1 (5\d\d)[^]*?\r\n\r\n/g)];
  return heads
    .filter(([head, status]) => status !== '503' || !/^retry-after: \d/im.test(head))
    .map(([head]) => head.slice(0, 300));
}

const NO_TOKEN = 'Host: a\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const as = ({ token }: Target): string => `${NO_TOKEN}Authorization: Bearer ${token}\r\n`;

function posted(path: string, headers: string, body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  const head = `POST ${path} HTTP/1.1\r\n${headers}Content-Length: ${bytes.byteLength}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

const CRUMBS = `POST /v1/payment-webhooks/simulator HTTP/1.1\r\n${NO_TOKEN}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(200_000)}`;
const BRACKETS = gzipSync('['.repeat(4 * 1024 * 1024));
const MANY_VALUES = `{"type":"custom","properties":{"a":[${'0,'.repeat(45_000)}0]}}`;

/**
 * All attacks by name. Floods have a fixed rate, because the question is who pays, and not how fast the attacker's
 * machine is.
 */
export const ATTACKS: Readonly<Record<string, Spec>> = {
  silent: {
    what: '1,000 connections that say nothing',
    start: crowd({ connections: 1_000, bytes: '' }),
  },
  'half-heads': {
    what: '1,000 requests without the end of their head',
    start: crowd({ connections: 1_000, bytes: `GET /v1/orders HTTP/1.1\r\n${NO_TOKEN}X-A` }),
  },
  'half-orders': {
    what: '1,000 orders of a tenant without their end',
    start: (target) =>
      crowd({
        connections: 1_000,
        bytes: `POST /v1/orders HTTP/1.1\r\n${as(target)}${JSON_TYPE}Content-Length: 900\r\n\r\n{`,
      })(target),
  },
  broken: {
    what: '500 connections that speak no HTTP and never close',
    start: crowd({ connections: 500, bytes: 'hello\r\n\r\n' }),
  },
  'unread-pages': {
    what: '20 connections that ask for 100 pages of a megabyte each and read none, without a token',
    start: crowd({
      connections: 20,
      bytes: `GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n${NO_TOKEN}\r\n`.repeat(100),
      reads: false,
    }),
  },
  'unread-lists': {
    what: '20 connections of a tenant that ask for 10 lists each and read none',
    start: (target) =>
      crowd({
        connections: 20,
        bytes: `GET /v1/products?limit=100 HTTP/1.1\r\n${as(target)}\r\n`.repeat(10),
        reads: false,
      })(target),
  },
  crumbs: {
    what: '4 bodies at a time in chunks of one byte, without a token',
    start: crowd({ connections: 4, bytes: CRUMBS }),
  },
  waits: {
    what: '900 waits of a tenant for an order that does not come to rest',
    start: (target) =>
      crowd({
        connections: 900,
        bytes: `GET /v1/orders/${target.orderId}?wait=30 HTTP/1.1\r\n${as(target)}\r\n`,
      })(target),
  },
  'waits-left': {
    what: '20 connections of a tenant with 40 waits each that are given up after half a second',
    start: (target) =>
      crowd({
        connections: 20,
        bytes: `GET /v1/orders/${target.orderId}?wait=30 HTTP/1.1\r\n${as(target)}\r\n`.repeat(40),
        lifeMs: 500,
      })(target),
  },
  streams: {
    what: '199 console streams of a tenant',
    start: (target) =>
      crowd({ connections: 199, bytes: `GET /v1/console/stream HTTP/1.1\r\n${as(target)}\r\n` })(target),
  },
  forged: {
    what: '40 forged tokens a second',
    start: crowd({
      connections: 10,
      bytes: `GET /v1/orders HTTP/1.1\r\n${NO_TOKEN}Authorization: Bearer ${'a'.repeat(40)}.${'b'.repeat(4_000)}.c\r\n\r\n`,
      lifeMs: 200,
    }),
  },
  reports: {
    what: '40 reports of 60 KB a second that nobody has signed',
    start: crowd({
      connections: 10,
      bytes: posted('/v1/payment-webhooks/simulator', NO_TOKEN + JSON_TYPE, 'x'.repeat(60_000)),
      lifeMs: 200,
    }),
  },
  bombs: {
    what: '20 bombs of 4 MiB a second, of a tenant',
    start: (target) =>
      crowd({
        connections: 5,
        bytes: posted('/v1/events', `${as(target)}${JSON_TYPE}Content-Encoding: gzip\r\n`, BRACKETS),
        lifeMs: 200,
      })(target),
  },
  values: {
    what: '4 events of 45,000 values a second, of a tenant',
    start: (target) =>
      crowd({
        connections: 2,
        bytes: posted('/v1/events', as(target) + JSON_TYPE, MANY_VALUES),
        lifeMs: 450,
      })(target),
  },
};
