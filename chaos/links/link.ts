import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import type { Random } from '../random.ts';
import { createConnection, type ProxiedConnection } from './proxied-connection.ts';
import { PASS, type LinkMode } from './link-mode.ts';

/** A TCP proxy between two parts of the system. */
export interface Link {
  /** `client>server`, for example `combined-1>postgres`. */
  readonly name: string;
  /** The port of 127.0.0.1 on which the client finds the server. */
  readonly port: number;
  /** What the link does now. */
  mode(): LinkMode;
  /** Changes what the link does, to connections that are open, too. */
  set(mode: LinkMode): Promise<void>;
  /** Connections that are open now. */
  connections(): number;
  close(): Promise<void>;
}

/** Opens a link to a port of 127.0.0.1; `serverPort` is asked at each connection. */
export async function openLink(
  { name, serverPort }: { readonly name: string; readonly serverPort: () => number },
  random: Random,
): Promise<Link> {
  const port = await findFreePort();
  const open = new Set<ProxiedConnection>();
  let mode: LinkMode = PASS;
  let server: Server | null = null;

  const join = (client: Socket): void => {
    const upstream = connect(serverPort(), LOOPBACK);
    const rules = { mode: () => mode, random, sendCopy: (request: Buffer) => sendCopy(serverPort(), request) };
    const connection = createConnection({ client, server: upstream }, rules);
    open.add(connection);
    void connection.ended.then(() => open.delete(connection));
    if (mode.kind === 'half-open') connection.loseServer();
  };
  const listen = async (): Promise<void> => {
    if (server !== null) return;
    server = createServer({ allowHalfOpen: true, noDelay: true }, join).listen(port, LOOPBACK);
    await once(server, 'listening');
  };
  const stopListening = async (): Promise<void> => {
    const closing = server;
    server = null;
    if (closing === null) return;
    const closed = new Promise<void>((resolve) => void closing.close(() => resolve()));
    for (const connection of open) connection.reset();
    await closed;
  };
  await listen();
  return {
    name,
    port,
    mode: () => mode,
    set: async (next) => {
      const was = mode;
      mode = next;
      if (next.kind === 'refuse') return stopListening();
      if (next.kind === 'half-open') for (const connection of open) connection.loseServer();
      // The first packet after the healing finds that the server knows nothing of the connection.
      if (was.kind === 'half-open') for (const connection of open) connection.resetIfLost();
      for (const connection of open) connection.modeChanged();
      return listen();
    },
    connections: () => open.size,
    close: stopListening,
  };
}

/** No answer to a copy is waited for longer. */
const COPY_WITHIN_MS = 5_000;

/** Sends bytes to the server, and reads what it answers to nobody. */
function sendCopy(port: number, request: Buffer): void {
  const socket = connect(port, LOOPBACK);
  socket.on('error', () => {});
  socket.once('data', () => socket.destroy());
  socket.setTimeout(COPY_WITHIN_MS, () => socket.destroy());
  socket.write(request);
}
