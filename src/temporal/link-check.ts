import { connect } from 'node:tls';
import type { Logger } from '../runtime/logger.ts';
import type { TemporalLink } from './connection.ts';

/** As long as a connection itself may take. */
const CHECK_TIMEOUT_MS = 3_000;

/** The client's first words in HTTP/2: the preface, and a frame of settings without any. */
const HELLO = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/**
 * Logs why no TLS connection to Temporal can be made. A connection of gRPC fails alike for a wrong CA, a wrong name and
 * a missing client certificate ("Failed to connect before the deadline"), so an operator would not know what to change.
 * A plain link needs no check.
 */
export async function reportTlsFault(link: TemporalLink, logger: Logger): Promise<void> {
  if (link.tls === undefined) return;
  const fault = await findTlsFault(link.address, link.tls).catch((error: unknown) => error);
  if (fault !== null) logger.error({ err: fault }, 'a direct TLS connection to Temporal fails');
}

/** The error of a TLS connection; null when the server answers. It does so only after it has judged the certificate. */
export async function findTlsFault(address: string, tls: NonNullable<TemporalLink['tls']>): Promise<Error | null> {
  const { hostname, port } = new URL(`https://${address}`);
  const host = hostname.replace(/^\[(.+)\]$/, '$1');
  const { serverRootCACertificate: ca, clientCertPair: pair, serverNameOverride: servername } = tls;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ALPNProtocols: ['h2'],
      timeout: CHECK_TIMEOUT_MS,
      ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
      ...(pair === undefined ? {} : { cert: Buffer.from(pair.crt), key: Buffer.from(pair.key) }),
      ...(servername === undefined ? {} : { servername }),
    });
    const end = (fault: Error | null): void => {
      resolve(fault);
      socket.destroy();
    };
    socket.once('secureConnect', () => socket.write(HELLO));
    socket.once('data', () => end(null));
    socket.on('error', end);
    socket.once('timeout', () => end(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)));
    socket.once('close', () => end(new Error('the server closed the connection')));
  });
}
