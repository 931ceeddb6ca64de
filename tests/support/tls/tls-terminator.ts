import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';

/** A proxy that speaks TLS to clients and plain text to a server that knows no TLS. */
export interface TlsTerminator {
  readonly address: string;
  stop(): Promise<void>;
}

/** Listens on loopback; `target` is `host:port`. gRPC refuses a server that does not choose h2. */
export async function startTlsTerminator(target: string, options: TlsOptions): Promise<TlsTerminator> {
  const { hostname, port } = new URL(`tcp://${target}`);
  const sockets = new Set<Socket>();
  const server = createServer({ ALPNProtocols: ['h2'], ...options }, (outer) => {
    const inner = connect(Number(port), hostname);
    for (const [from, to] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}
