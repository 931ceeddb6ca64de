import { X509Certificate } from 'node:crypto';
import { renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { get } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startHttpServer, type HttpServer } from '../../src/api/http/http-server.ts';
import { startApi } from '../../src/composition/api.ts';
import { stopProcess } from '../../src/composition/process.ts';
import { openContext } from '../../src/composition/resources.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { createMetrics } from '../../src/runtime/metrics/metrics.ts';
import { startTestSystem } from '../support/system.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/tls/test-authority.ts';

let authority: TestAuthority;
let stranger: TestAuthority;
let first: TestCertificate;
let second: TestCertificate;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([createTestAuthority(), createTestAuthority()]);
  first = await authority.issue('first', 'DNS:localhost,IP:127.0.0.1');
  second = await authority.issue('second', 'DNS:localhost,IP:127.0.0.1');
});
afterAll(() => Promise.all([authority.remove(), stranger.remove()]));

interface Answered {
  readonly status: number | undefined;
  readonly certificate: string | string[] | undefined;
}

/** Asks on a connection of its own. */
function ask(port: number, options: ConnectionOptions = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const ways = { host: '127.0.0.1', port, path: '/livez', ca: authority.ca, agent: false as const, ...options };
    get(ways, (response) => {
      response.resume();
      const { subject } = (response.socket as TLSSocket).getPeerCertificate();
      resolve({ status: response.statusCode, certificate: subject.CN });
    }).on('error', reject);
  });
}

/** As Kubernetes mounts a secret: the files are links into a folder, itself a link that is replaced. */
function mountSecret(name: string) {
  const folder = join(authority.folder, name);
  mkdirSync(folder);
  const current = join(folder, '..data');
  const put = (version: string, { cert, key }: { readonly cert: Buffer | string; readonly key: Buffer }): void => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'tls.crt'), cert);
    writeFileSync(join(folder, version, 'tls.key'), key);
    symlinkSync(version, `${current}.new`);
    renameSync(`${current}.new`, current);
  };
  const [certPath, keyPath] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  symlinkSync('..data/tls.crt', certPath);
  symlinkSync('..data/tls.key', keyPath);
  return { put, files: { certPath, keyPath } };
}

/** The name that the certificate in the metrics has. */
function commonNameOf(pem: string | null): string | null {
  return pem === null ? null : new X509Certificate(pem).subject.replace('CN=', '');
}

async function serve(files: { readonly certPath: string; readonly keyPath: string }) {
  const said: string[] = [];
  const server: HttpServer = await startHttpServer({
    fetch: () => new Response('ok'),
    host: '127.0.0.1',
    port: 0,
    portVariable: 'API_PORT',
    onRefused: ({ errorCode }) => said.push(`refused: ${errorCode}`),
    tls: {
      files,
      intervalMs: 20,
      onReplaced: () => said.push('replaced'),
      onFault: (error) => said.push(String(error)),
    },
  });
  onTestFinished(() => server.close(0));
  return { port: server.port, said, shown: () => commonNameOf(server.certificate()) };
}

it('The API answers by HTTPS with the certificate that its settings name', async () => {
  const system = await startTestSystem({ worker: false });
  onTestFinished(() => system.stop());
  const files = { API_TLS_CERT_PATH: first.certPath, API_TLS_KEY_PATH: first.keyPath };
  const logger = createLogger({ level: 'silent', service: 'test' });
  const context = openContext(loadConfig({ ...system.env, ...files }), logger, createMetrics('test-https'));
  const api = await startApi(context, null);
  onTestFinished(() => stopProcess({ context, api, worker: null }));
  expect(await ask(api.server.port)).toEqual({ status: 200, certificate: 'first' });
  await expect(ask(api.server.port, { ca: stranger.ca })).rejects.toThrow('unable to verify');
  await expect(ask(api.server.port, { servername: 'elsewhere.test' })).rejects.toThrow('altnames');
  await expect(fetch(`http://127.0.0.1:${api.server.port}/livez`)).rejects.toThrow('fetch failed');
});

it('The next connection has the new certificate after Kubernetes has replaced a secret, without a restart', async () => {
  const secret = mountSecret('rotated');
  secret.put('one', first);
  const { port, said, shown } = await serve(secret.files);
  expect((await ask(port)).certificate).toBe('first');
  expect(shown()).toBe('first');
  secret.put('two', second);
  await expect.poll(async () => (await ask(port)).certificate).toBe('second');
  expect(said).toEqual(['replaced']);
  expect(shown()).toBe('second');
});

it('A connection that is open keeps its certificate and is not cut by a new one', async () => {
  const secret = mountSecret('open');
  secret.put('one', first);
  const { port, said } = await serve(secret.files);
  const socket = connect({ host: '127.0.0.1', port, ca: authority.ca });
  onTestFinished(() => void socket.destroy());
  let answers = '';
  socket.on('data', (bytes: Buffer) => (answers += bytes.toString()));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await expect.poll(() => answers.match(/200 OK/g)?.length).toBe(1);
  secret.put('two', second);
  await expect.poll(() => said).toEqual(['replaced']);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await expect.poll(() => answers.match(/200 OK/g)?.length).toBe(2);
});

it('A new certificate that cannot be used is reported once, and the server keeps the old one until a good one comes', async () => {
  const secret = mountSecret('broken');
  secret.put('one', first);
  const { port, said } = await serve(secret.files);
  secret.put('two', { cert: second.cert, key: first.key });
  await expect.poll(() => said).toHaveLength(1);
  expect(said[0]).toContain('is not the key of the certificate');
  secret.put('three', { cert: 'no certificate', key: second.key });
  await expect.poll(() => said).toHaveLength(2);
  rmSync(secret.files.keyPath);
  await expect.poll(() => said).toHaveLength(3);
  expect(said[2]).toContain('ENOENT');
  expect((await ask(port)).certificate).toBe('first');
  symlinkSync('..data/tls.key', secret.files.keyPath);
  secret.put('four', second);
  await expect.poll(() => said.at(-1)).toBe('replaced');
  expect((await ask(port)).certificate).toBe('second');
});

it('A server of HTTPS refuses versions of TLS before 1.2', async () => {
  const { port } = await serve(first);
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(ask(port, old)).rejects.toThrow('protocol version');
  expect((await ask(port, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).status).toBe(200);
});

it('A server of HTTPS cuts a client that speaks plain text, without an answer and without a line in the log', async () => {
  const { port, said } = await serve(first);
  const socket = connectPlain(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  await new Promise((resolve) => {
    socket.on('error', () => {}).on('close', resolve);
  });
  expect(answer).not.toContain('HTTP/1.1');
  expect(said).toEqual([]);
  expect((await ask(port)).status).toBe(200);
});

it('A server of HTTPS does not start with a key of another certificate', async () => {
  const files = { certPath: first.certPath, keyPath: second.keyPath };
  await expect(serve(files)).rejects.toThrow('is not the key of the certificate');
});
