import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
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
