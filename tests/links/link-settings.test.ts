import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig, loadDatabaseConfig } from '../../src/config.ts';
import { problemsOf, REQUIRED } from '../support/settings.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/tls/test-authority.ts';

let authority: TestAuthority;
let own: TestCertificate;
let other: TestCertificate;
beforeAll(async () => {
  authority = await createTestAuthority();
  own = await authority.issue('own', 'DNS:own');
  other = await authority.issue('other', 'DNS:other');
});
afterAll(() => authority.remove());

it('The configuration leaves the link to Temporal plain unless a setting of TLS is given', () => {
  expect(loadConfig(REQUIRED).temporal).toEqual({
    address: '127.0.0.1:7233',
    namespace: 'default',
    uiUrl: 'http://localhost:8233',
    sealing: null,
  });
  expect(loadConfig({ ...REQUIRED, TEMPORAL_TLS: 'false' }).temporal).not.toHaveProperty('tls');
  expect(loadConfig({ ...REQUIRED, TEMPORAL_TLS: 'true' }).temporal).toMatchObject({ tls: {} });
  expect(loadConfig({ ...REQUIRED, TEMPORAL_API_KEY: 'key' }).temporal).toMatchObject({ tls: {}, apiKey: 'key' });
});

it('The configuration reads the files of the link to Temporal', () => {
  const { temporal } = loadConfig({
    ...REQUIRED,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.caPath,
    TEMPORAL_TLS_CLIENT_CERT_PATH: own.certPath,
    TEMPORAL_TLS_CLIENT_KEY_PATH: own.keyPath,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
  });
  expect(temporal).toMatchObject({
    tls: {
      serverRootCACertificate: authority.ca,
      clientCertPair: { crt: own.cert, key: own.key },
      serverNameOverride: 'temporal.test',
    },
  });
});

it('The configuration refuses contradictions of the link to Temporal, all at once', () => {
  const clientCert = { TEMPORAL_TLS_CLIENT_CERT_PATH: own.certPath };
  expect(problemsOf({ ...REQUIRED, TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'key', ...clientCert })).toEqual([
    'TEMPORAL_TLS: is false, but TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_API_KEY would need TLS',
    'TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH: one is of no use without the other',
  ]);
  expect(problemsOf({ ...REQUIRED, ...clientCert, TEMPORAL_TLS_CLIENT_KEY_PATH: other.keyPath })).toEqual([
    'TEMPORAL_TLS_CLIENT_KEY_PATH: is not the key of the certificate in TEMPORAL_TLS_CLIENT_CERT_PATH',
  ]);
});

it('The configuration refuses a file that does not hold what its setting names', () => {
  const empty = join(authority.folder, 'empty.pem');
  writeFileSync(empty, '');
  expect(
    problemsOf({
      ...REQUIRED,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(authority.folder, 'absent.pem'),
      TEMPORAL_TLS_CLIENT_CERT_PATH: empty,
      TEMPORAL_TLS_CLIENT_KEY_PATH: own.certPath,
      TEMPORAL_API_KEY: 'two words',
    }),
  ).toEqual([
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH: the file does not exist',
    'TEMPORAL_TLS_CLIENT_CERT_PATH: the file holds no certificate in PEM',
    'TEMPORAL_TLS_CLIENT_KEY_PATH: the file holds no private key without a passphrase in PEM',
    'TEMPORAL_API_KEY: must be printable ASCII without spaces',
  ]);
  expect(problemsOf({ ...REQUIRED, TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.folder })).toEqual([
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH: this is a folder',
  ]);
});

it.each(['verify-full', 'disable'])('The configuration takes sslmode=%s as what its name says', (mode) => {
  const url = `postgres://user:password@db/shop?sslmode=${mode}`;
  expect(loadConfig({ ...REQUIRED, DATABASE_URL: url }).database.urls.orders).toBe(url);
});

it.each([
  ['sslmode=require', /^sslmode=require: .* use verify-full, or disable for plain text$/],
  ['sslmode=verify-ca', /^sslmode=verify-ca: .* use verify-full/],
  ['sslmode=no-verify', /^sslmode=no-verify: it accepts the certificate of anyone; use verify-full/],
  ['sslmode=prefer', /^sslmode=prefer: .* fall back to plain text; use verify-full/],
  ['sslmode=allow', /^sslmode=allow: it falls back to plain text; use verify-full/],
  ['sslmode=VERIFY-FULL', /^sslmode=VERIFY-FULL: unknown; use verify-full/],
  ['sslmode=verify-full&sslmode=no-verify', /^has sslmode more than once$/],
  ['ssl=true', /^ssl: changes what sslmode means/],
  ['sslmode=verify-full&ssl=no-verify', /^ssl: changes what sslmode means/],
  ['sslmode=verify-full&uselibpqcompat=true', /^uselibpqcompat: changes what sslmode means/],
  ['sslrootcert=/etc/ca.pem', /^sslrootcert: needs sslmode=verify-full$/],
  ['sslmode=verify-full&sslrootcert=/nowhere/ca.pem', /^sslrootcert: the file does not exist$/],
])('The configuration refuses ?%s of a database, and does not repeat its password', (parameters, words) => {
  const url = `postgres://user:password@db/shop?${parameters}`;
  for (const name of ['DATABASE_URL', 'EVENTS_DATABASE_URL']) {
    const [problem = ''] = problemsOf({ ...REQUIRED, [name]: url });
    expect(problem.startsWith(`${name}: `)).toBe(true);
    expect(problem.slice(name.length + 2)).toMatch(words);
    expect(problem).not.toContain('password');
  }
  expect(() => loadDatabaseConfig({ DATABASE_URL: url })).toThrow('DATABASE_URL: ');
});

it('The configuration refuses a mode of PostgreSQL that stands outside of the address', () => {
  const problem = 'PGSSLMODE: say sslmode in the address of the database instead';
  expect(problemsOf({ ...REQUIRED, PGSSLMODE: 'no-verify' })).toEqual([problem]);
  expect(() => loadDatabaseConfig({ ...REQUIRED, PGSSLMODE: 'require' })).toThrow(problem);
  expect(problemsOf({ ...REQUIRED, PGSSLMODE: 'disable' })).toEqual([]);
});

it.each([
  ['http://mail.example.com', 'must begin with smtp:// or smtps://'],
  [
    'smtps://mail.example.com?tls.rejectUnauthorized=false',
    'tls.rejectUnauthorized: would accept the certificate of anyone',
  ],
  ['smtp://mail.example.com?requireTLS=yes', 'requireTLS: must be true or false'],
])('The configuration refuses SMTP_URL=%s', (url, problem) => {
  expect(problemsOf({ ...REQUIRED, SMTP_URL: url })).toEqual([`SMTP_URL: ${problem}`]);
});

it('The configuration takes the certificate of the API only with its key', () => {
  expect(loadConfig(REQUIRED).api.tls).toBeNull();
  const files = { API_TLS_CERT_PATH: own.certPath, API_TLS_KEY_PATH: own.keyPath };
  expect(loadConfig({ ...REQUIRED, ...files }).api.tls).toEqual({ certPath: own.certPath, keyPath: own.keyPath });
  expect(problemsOf({ ...REQUIRED, API_TLS_KEY_PATH: own.keyPath })).toEqual([
    'API_TLS_CERT_PATH, API_TLS_KEY_PATH: one is of no use without the other',
  ]);
  expect(problemsOf({ ...REQUIRED, ...files, API_TLS_KEY_PATH: other.keyPath })).toEqual([
    'API_TLS_KEY_PATH: is not the key of the certificate in API_TLS_CERT_PATH',
  ]);
});
