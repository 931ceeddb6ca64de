import { createServer, connect, type Server, type Socket } from 'node:net';
import { findFreePort } from '../../../src/dev/processes/ports.ts';

/** Stands between a process and its database, so that tests can take the database away and give it back. */
export interface DatabaseProxy {
  /** Address of the database through the proxy. */
  readonly url: string;
  /** Cuts every connection and refuses new ones. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a proxy before the database at an address. */
export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const port = await findFreePort();
  const sockets = new Set<Socket>();
  const join = (client: Socket): void => {
    const server = connect(Number(target.port), target.hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server).pipe(client);
  };
  let listening: Server | null = null;
  const restore = async (): Promise<void> => {
    const server = createServer(join);
    await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
    listening = server;
  };
  const cut = async (): Promise<void> => {
    const server = listening;
    listening = null;
    const closed = new Promise<void>((resolve) => (server === null ? resolve() : void server.close(() => resolve())));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await restore();
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return { url: url.href, cut, restore, close: cut };
}
