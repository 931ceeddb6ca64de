import { connect, type Socket } from 'node:net';

/** Connections whose requests do not end. */
export interface HalfRequests {
  /** The bytes that have arrived on the connections so far. */
  answers(): string;
  close(): void;
}

/** Sends the same bytes on several connections and keeps these open; resolves when all bytes are on their way. */
export async function sendHalves(url: string, count: number, bytes: string): Promise<HalfRequests> {
  const { hostname, port } = new URL(url);
  let answers = '';
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => (answers += chunk.toString('latin1')));
      socket.write(bytes, () => resolve(socket));
    });
  const sockets: Socket[] = [];
  // A server's queue of new connections takes only this number at once.
  while (sockets.length < count) {
    const next = Math.min(100, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: next }, open))));
  }
  return {
    answers: () => answers,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
