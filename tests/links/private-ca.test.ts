import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/tls/test-authority.ts';

let authority: TestAuthority;
let stranger: TestAuthority;
let right: TestCertificate;
let misnamed: TestCertificate;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([createTestAuthority(), createTestAuthority()]);
  right = await authority.issue('right', 'DNS:localhost,IP:127.0.0.1');
  misnamed = await authority.issue('misnamed', 'DNS:elsewhere.test');
});
afterAll(() => Promise.all([authority.remove(), stranger.remove()]));

/** What has arrived: paths that were asked for, and mails. */
const arrived = new Set<string>();
beforeEach(() => arrived.clear());

const answer: RequestListener = ({ url = '' }, response) => {
  arrived.add(url.split('?')[0] ?? '');
  response.setHeader('content-type', 'application/json').end('{"keys":[],"object":"list","data":[],"has_more":false}');
};

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const serveHttps = async ({ cert, key }: TestCertificate): Promise<string> =>
  `https://127.0.0.1:${await portOf(createServer({ cert, key }, answer))}`;

const servePlain = async (): Promise<number> => portOf(createHttpServer(answer));

async function serveMail(options: SMTPServerOptions): Promise<number> {
  const smtp = new SMTPServer({
    authOptional: true,
    ...options,
    onData: (stream, session, done) => {
      arrived.add(session.secure ? 'mail by TLS' : 'mail in plain text');
      stream.resume();
      stream.on('end', () => done());
    },
  });
  // A client that refuses the certificate is expected.
  smtp.on('error', () => {});
  onTestFinished(() => smtp.close());
  smtp.listen(0, '127.0.0.1');
  await once(smtp.server, 'listening');
  return (smtp.server.address() as AddressInfo).port;
}

async function tryLinks(httpsUrl: string, smtpUrl: string, trusted: TestAuthority | null): Promise<void> {
  const program = join(PROJECT_FOLDER, 'tests/support/tls/try-links.ts');
  const ca = trusted === null ? {} : { NODE_EXTRA_CA_CERTS: trusted.caPath };
  const env = { PATH: process.env['PATH'], ...ca };
  const { stdout } = await promisify(execFile)(process.execPath, [program, httpsUrl, smtpUrl], { env });
  expect(JSON.parse(stdout)).toHaveLength(7);
}

const HTTP_LINKS = ['/alert', '/healthz', '/keys', '/sms', '/v1/charges', '/webhook'];

it('Every link by HTTPS and mail reaches servers of a private authority that NODE_EXTRA_CA_CERTS names', async () => {
  const { cert, key } = right;
  const smtp = await serveMail({ secure: true, cert, key });
  await tryLinks(await serveHttps(right), `smtps://127.0.0.1:${smtp}`, authority);
  expect([...arrived].toSorted()).toEqual([...HTTP_LINKS, 'mail by TLS']);
});

it.each([
  ['nobody has named the authority', () => right, () => null],
  ['another authority is named', () => right, () => stranger],
  ['the certificate names another host', () => misnamed, () => authority],
])('Nothing is sent by HTTPS or mail where %s', async (_, certificateOf, trustedOf) => {
  const { cert, key } = certificateOf();
  const smtps = await serveMail({ secure: true, cert, key });
  const starttls = await serveMail({ cert, key });
  const https = await serveHttps(certificateOf());
  await tryLinks(https, `smtps://127.0.0.1:${smtps}`, trustedOf());
  await tryLinks(https, `smtp://127.0.0.1:${starttls}?requireTLS=true`, trustedOf());
  expect([...arrived]).toEqual([]);
});

it('Nothing is sent by HTTPS or mail to a server that speaks plain text', async () => {
  const mail = await serveMail({ disabledCommands: ['STARTTLS'] });
  const https = `https://127.0.0.1:${await servePlain()}`;
  await tryLinks(https, `smtps://127.0.0.1:${mail}`, authority);
  await tryLinks(https, `smtp://127.0.0.1:${mail}?requireTLS=true`, authority);
  expect([...arrived]).toEqual([]);
});

it('A mail goes by STARTTLS where requireTLS demands it, and in plain text where the server has none and nobody does', async () => {
  const { cert, key } = right;
  const https = await serveHttps(misnamed);
  await tryLinks(https, `smtp://127.0.0.1:${await serveMail({ cert, key })}?requireTLS=true`, authority);
  expect([...arrived]).toEqual(['mail by TLS']);
  arrived.clear();
  await tryLinks(https, `smtp://127.0.0.1:${await serveMail({ disabledCommands: ['STARTTLS'] })}`, authority);
  expect([...arrived]).toEqual(['mail in plain text']);
});
