import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { connectNatively, createTemporalClient, type TemporalLink } from '../../src/temporal/connection.ts';
import { findTlsFault, reportTlsFault } from '../../src/temporal/link-check.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { startTestSystem } from '../support/system.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/tls/test-authority.ts';
import { startTlsTerminator, type TlsTerminator } from '../support/tls/tls-terminator.ts';

let authority: TestAuthority;
let stranger: TestAuthority;
let server: TestCertificate;
let client: TestCertificate;
/** Temporal behind TLS that asks for a client certificate. */
let temporal: TlsTerminator;
/** The same, with a certificate for another name, and for everyone. */
let misnamed: TlsTerminator;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([createTestAuthority(), createTestAuthority()]);
  server = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  client = await authority.issue('client', 'DNS:order-saga');
  const other = await authority.issue('other', 'DNS:temporal.test');
  const target = inject('temporalAddress');
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.ca };
  temporal = await startTlsTerminator(target, { cert: server.cert, key: server.key, ...mutual });
  misnamed = await startTlsTerminator(target, { cert: other.cert, key: other.key });
});
afterAll(async () => {
  await Promise.all([temporal.stop(), misnamed.stop()]);
  await Promise.all([authority.remove(), stranger.remove()]);
});

const own = (): NonNullable<TemporalLink['tls']> => ({
  serverRootCACertificate: authority.ca,
  clientCertPair: { crt: client.cert, key: client.key },
});

/** Long enough for a good link on a busy machine. */
const CALL_LIMIT_MS = 20_000;

/** A call over a bad link is tried again and again until its limit. */
const BAD_CALL_LIMIT_MS = 2_000;

/** The words of both kinds of connections, which say nothing about the cause. */
const REFUSED = /deadline|connect|GetSystemInfo/i;

/** Resolves when a call over the connection of JavaScript is answered. */
async function callOnce(link: TemporalLink, limitMs = CALL_LIMIT_MS): Promise<void> {
  const { connection } = createTemporalClient({ ...link, namespace: 'default' });
  try {
    await (connection as Connection).withDeadline(Date.now() + limitMs, async () => {
      await (connection as Connection).workflowService.getSystemInfo({});
    });
  } finally {
    await connection.close();
  }
}

async function connectOnce(link: TemporalLink): Promise<void> {
  const connection = await connectNatively(link);
  await connection.close();
}

it('An order is confirmed by a system that reaches Temporal by mutual TLS only', async () => {
  const system = await startTestSystem({
    env: {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.caPath,
      TEMPORAL_TLS_CLIENT_CERT_PATH: client.certPath,
      TEMPORAL_TLS_CLIENT_KEY_PATH: client.keyPath,
    },
  });
  onTestFinished(() => system.stop());
  expect((await system.orderAtRest(await system.postOrder())).status).toBe('CONFIRMED');
});

it('A link to Temporal expects the name of TEMPORAL_TLS_SERVER_NAME instead of the host', async () => {
  const link = {
    address: misnamed.address,
    tls: { serverRootCACertificate: authority.ca, serverNameOverride: 'temporal.test' },
  };
  await callOnce(link);
  await connectOnce(link);
  expect(await findTlsFault(link.address, link.tls)).toBeNull();
});

// Side by side, because each is a call that is tried again until its limit.
describe.concurrent('a bad link to Temporal is refused', () => {
  it.each<readonly [string, RegExp, () => TemporalLink]>([
    [
      'another authority than its CA has signed',
      /self-signed certificate in certificate chain/,
      () => ({ address: temporal.address, tls: { ...own(), serverRootCACertificate: stranger.ca } }),
    ],
    [
      'no authority is given, and none of the public ones has signed',
      /self-signed certificate in certificate chain|unable to verify/,
      () => ({ address: misnamed.address, tls: { serverNameOverride: 'temporal.test' } }),
    ],
    [
      'the certificate names another host',
      /does not match certificate's altnames/,
      () => ({ address: misnamed.address, tls: own() }),
    ],
    [
      'it shows no client certificate',
      /certificate required/,
      () => ({ address: temporal.address, tls: { serverRootCACertificate: authority.ca } }),
    ],
    [
      'the server speaks plain text',
      /wrong version number|packet length too long/,
      () => ({ address: inject('temporalAddress'), tls: own() }),
    ],
  ])('A link to Temporal is refused by both kinds of connections where %s', async (_, words, linkOf) => {
    const link = linkOf();
    await Promise.all([
      expect(callOnce(link, BAD_CALL_LIMIT_MS)).rejects.toThrow(REFUSED),
      expect(connectOnce(link)).rejects.toThrow(REFUSED),
    ]);
    expect((await findTlsFault(link.address, link.tls ?? {}))?.message).toMatch(words);
  });

  it('A link in plain text reaches no Temporal that expects TLS', async () => {
    const link = { address: temporal.address };
    await Promise.all([
      expect(callOnce(link, BAD_CALL_LIMIT_MS)).rejects.toThrow(REFUSED),
      expect(connectOnce(link)).rejects.toThrow(REFUSED),
    ]);
  });
});

it('The log says why no TLS connection to Temporal can be made, and nothing about one that can', async () => {
  const lines: unknown[] = [];
  const logger = {
    ...createLogger({ level: 'silent', service: 'test' }),
    error: (...line: unknown[]) => lines.push(line),
  };
  await reportTlsFault({ address: temporal.address, tls: own() }, logger);
  await reportTlsFault({ address: inject('temporalAddress') }, logger);
  expect(lines).toEqual([]);
  await reportTlsFault({ address: temporal.address, tls: {} }, logger);
  await reportTlsFault({ address: 'no address', tls: {} }, logger);
  const said = 'a direct TLS connection to Temporal fails';
  expect(lines).toEqual([
    [{ err: expect.objectContaining({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }) }, said],
    [{ err: expect.objectContaining({ code: 'ERR_INVALID_URL' }) }, said],
  ]);
});

it('The API key goes to Temporal with every call of both kinds of connections', async () => {
  const keys: unknown[] = [];
  const cloud = createSecureServer({ cert: server.cert, key: server.key });
  // An empty message, which is a good answer to the first call of a connection.
  cloud.on('stream', (stream: ServerHttp2Stream, headers) => {
    keys.push(headers.authorization);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  cloud.listen(0, '127.0.0.1');
  onTestFinished(() => void cloud.close());
  await once(cloud, 'listening');
  const address = `127.0.0.1:${(cloud.address() as AddressInfo).port}`;
  const link = { address, tls: { serverRootCACertificate: authority.ca }, apiKey: 'key-of-the-service' };
  await callOnce(link);
  await connectOnce(link);
  expect(keys.length).toBeGreaterThanOrEqual(2);
  expect(new Set(keys)).toEqual(new Set(['Bearer key-of-the-service']));
});
