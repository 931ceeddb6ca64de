import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { createDatabase } from '../../db/client.ts';
import { DatabaseUnavailableError } from '../../src/domain/errors.ts';
import { startTestSystem } from '../support/system.ts';
import { createTestDatabase } from '../support/database/database.ts';
import { startTlsPostgres, type TlsPostgres } from '../support/tls/postgres-tls.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/tls/test-authority.ts';

let authority: TestAuthority;
let stranger: TestAuthority;
let client: TestCertificate;
/** A PostgreSQL that demands a client certificate. */
let postgres: TlsPostgres;
/** A PostgreSQL whose certificate names another host. */
let misnamed: TlsPostgres;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([createTestAuthority(), createTestAuthority()]);
  const server = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  const other = await authority.issue('other', 'DNS:postgres.test');
  client = await authority.issue('client', 'DNS:order-saga');
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.ca };
  const url = inject('postgresUrl').replace('%s', 'postgres');
  postgres = await startTlsPostgres(url, { cert: server.cert, key: server.key, ...mutual });
  misnamed = await startTlsPostgres(url, { cert: other.cert, key: other.key });
});
afterAll(async () => {
  await Promise.all([postgres.stop(), misnamed.stop()]);
  await Promise.all([authority.remove(), stranger.remove()]);
});

/** The same database at another port, with parameters of TLS; without a port, where it is. */
function at(url: string, port: number | null, parameters: Readonly<Record<string, string>>): string {
  const changed = new URL(url);
  if (port !== null) changed.port = String(port);
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return changed.href;
}

const clientFiles = () => ({ sslcert: client.certPath, sslkey: client.keyPath });
const verified = (ca: TestAuthority) => ({ sslmode: 'verify-full', sslrootcert: ca.caPath });

it('An order is confirmed by a system that reaches PostgreSQL by mutual TLS only', async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.close());
  const parameters = { ...verified(authority), ...clientFiles() };
  const system = await startTestSystem({ env: { DATABASE_URL: at(database.url, postgres.port, parameters) } });
  onTestFinished(() => system.stop());
  const orderId = await system.postOrder();
  expect((await system.orderAtRest(orderId)).status).toBe('CONFIRMED');
  expect(await database.query('SELECT FROM orders.orders WHERE order_id = $1', [orderId])).toHaveLength(1);
});

it.each<readonly [string, RegExp, () => { port: number | null; parameters: Readonly<Record<string, string>> }]>([
  [
    'another authority than its CA has signed',
    /SELF_SIGNED_CERT_IN_CHAIN/,
    () => ({ port: postgres.port, parameters: { ...verified(stranger), ...clientFiles() } }),
  ],
  [
    'no authority is given',
    /SELF_SIGNED_CERT_IN_CHAIN/,
    () => ({ port: postgres.port, parameters: { sslmode: 'verify-full', ...clientFiles() } }),
  ],
  [
    'the certificate names another host',
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    () => ({ port: misnamed.port, parameters: verified(authority) }),
  ],
  [
    'it shows no client certificate',
    /ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED|ECONNRESET/,
    () => ({ port: postgres.port, parameters: verified(authority) }),
  ],
  ['the server speaks plain text', /no TLS/, () => ({ port: null, parameters: verified(authority) })],
  [
    'it speaks plain text to a server that demands TLS',
    /no answer|ECONNRESET/,
    () => ({ port: postgres.port, parameters: {} }),
  ],
])('A link to PostgreSQL is refused where %s, as an outage that may pass', async (_, words, linkOf) => {
  const { port, parameters } = linkOf();
  const url = at(inject('postgresUrl').replace('%s', 'postgres'), port, parameters);
  const database = createDatabase({ url, poolSize: 1, applicationName: 'test', onIdleError: () => {} });
  const error: unknown = await database.ping().catch((reason: unknown) => reason);
  await database.close();
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  expect((error as DatabaseUnavailableError).sqlState).toMatch(words);
});
