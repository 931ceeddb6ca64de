import { once } from 'node:events';
import { createServer, type AddressInfo, type ListenOptions, type Server } from 'node:net';

/** A server that listens. */
export interface Listening {
  readonly port: number;
  /** Stops accepting; resolves when every connection has ended. */
  stop(): Promise<void>;
}

/**
 * libuv accepts one connection per listening socket and turn of the event loop (libuv/libuv#3696). Under load a turn takes
 * 20 to 60 ms, and in the first second of an overload 300 ms. With one socket 50 new connections a second would get in,
 * and a caller that would be refused at once would wait for seconds to be heard. The kernel spreads connections over
 * sockets that share a port; a socket that nobody connects to costs nothing.
 */
const SOCKETS = process.platform === 'linux' ? 64 : 1;

/**
 * Lets a server listen, by several sockets where the system has `SO_REUSEPORT`.
 * @throws the system's error, for example `EADDRINUSE`.
 */
export async function startListening(
  server: Server,
  address: { readonly port: number; readonly host: string },
): Promise<Listening> {
  if (SOCKETS === 1) {
    const port = await listen(server, address);
    return { port, stop: () => close(server) };
  }
  // Sockets that share a port would also share it with another process of this user; one that does not says if it is
  // taken.
  const probe = createServer();
  const port = await listen(probe, address);
  await close(probe);
  const shared = { port, host: address.host, reusePort: true };
  await listen(server, shared);
  const others = Array.from({ length: SOCKETS - 1 }, () => passingOnTo(server));
  await Promise.all(others.map((other) => listen(other, shared)));
  return {
    port,
    stop: async () => {
      await Promise.all([server, ...others].map(close));
    },
  };
}

/** A listener whose connections are the server's; the options are those that Node's HTTP servers have. */
function passingOnTo(server: Server): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket));
}

async function listen(server: Server, options: ListenOptions): Promise<number> {
  server.listen(options);
  await once(server, 'listening');
  // A connection that cannot be accepted, because no file descriptor is left, must not end the process.
  server.on('error', () => {});
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
