import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOPBACK } from '../../src/dev/processes/ports.ts';
import { hasApi, productNames, type Topology } from '../system/topology.ts';
import { productNamed, type FaultKind } from './fault-kind.ts';

const apisOf = (topology: Topology): readonly string[] => productNames(topology).filter((name) => hasApi(name));

/** Many orders at the same moment, beside those that come anyway. */
const burst: FaultKind = {
  name: 'burst-of-orders',
  lengthMs: [500, 2_000],
  targets: () => ['clients'],
  begin: async ({ random, postOrders }) => {
    const orders = postOrders(random.between(15, 40));
    orders.catch(() => {});
    return async () => {};
  },
};

const SLOW_CLIENTS = 100;

/** Clients that open connections and send their requests one byte at a time (Slowloris). */
const slowClients: FaultKind = {
  name: 'slow-clients',
  lengthMs: [2_000, 8_000],
  targets: apisOf,
  claims: (target) => [`clients of ${target}`],
  begin: async ({ system, target, signal }) => {
    const { apiPort } = productNamed(system, target);
    const sockets = Array.from({ length: SLOW_CLIENTS }, () => openQuietly(apiPort));
    const text = 'POST /v1/orders HTTP/1.1\r\nhost: chaos\r\ncontent-length: 1000\r\n\r\n{';
    const dripping = (async () => {
      for (let at = 0; !signal.aborted; at += 1) {
        for (const socket of sockets) if (socket.writable) socket.write(text[at % text.length] ?? ' ');
        await sleep(100, undefined, { signal }).catch(() => {});
      }
    })();
    return async () => {
      await dripping;
      for (const socket of sockets) socket.destroy();
    };
  },
};

function openQuietly(port: number): Socket {
  const socket = connect(port, LOOPBACK);
  socket.on('error', () => {});
  return socket;
}

/** Requests that no client should send; none of them may be answered with a failure of the service. */
const GARBAGE: readonly string[] = [
  'GET / HTTP/9.9\r\n\r\n',
  'POST /v1/orders HTTP/1.1\r\nhost: chaos\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n',
  'POST /v1/orders HTTP/1.1\r\nhost: chaos\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}',
  `GET /v1/orders/${'%00'.repeat(50)} HTTP/1.1\r\nhost: chaos\r\n\r\n`,
  `GET / HTTP/1.1\r\nhost: chaos\r\n${'x: y\r\n'.repeat(3_000)}\r\n`,
  '\u0000\u0001\u0002PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];

/** Bytes that are no HTTP, at a rate of some hundred connections per second. */
const garbage: FaultKind = {
  name: 'garbage-requests',
  lengthMs: [1_000, 4_000],
  targets: apisOf,
  claims: (target) => [`clients of ${target}`],
  begin: async ({ system, target, random, signal }) => {
    const { apiPort } = productNamed(system, target);
    const sending = (async () => {
      while (!signal.aborted) {
        const socket = openQuietly(apiPort);
        socket.end(random.pick(GARBAGE));
        socket.resume();
        await sleep(5, undefined, { signal }).catch(() => {});
      }
    })();
    return () => sending;
  },
};

/** Faults of those who call the API. */
export const TRAFFIC_FAULTS: readonly FaultKind[] = [burst, slowClients, garbage];
