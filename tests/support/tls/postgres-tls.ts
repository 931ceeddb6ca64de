import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';

/** The first message of a client that wants TLS: its length, 8, and the number of the request. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** A PostgreSQL that clients reach by TLS only. */
export interface TlsPostgres {
  readonly port: number;
  stop(): Promise<void>;
}

/** Stands before a PostgreSQL that has no TLS, and speaks PostgreSQL's own way into TLS. */
export async function startTlsPostgres(targetUrl: string, options: TLSSocketOptions): Promise<TlsPostgres> {
  const { hostname, port } = new URL(targetUrl);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((outer) => {
    keep(outer);
    outer.once('data', (first) => {
      if (!SSL_REQUEST.equals(first)) {
        outer.destroy();
        return;
      }
      outer.write('S');
      const secured = new TLSSocket(outer, { isServer: true, ...options });
      keep(secured);
      secured.once('secure', () => {
        const inner = connect(Number(port), hostname);
        keep(inner);
        secured.pipe(inner).pipe(secured);
        secured.on('close', () => inner.destroy());
        inner.on('close', () => secured.destroy());
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
