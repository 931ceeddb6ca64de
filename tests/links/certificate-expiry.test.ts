import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expirySecondsOf, readExpiries } from '../../src/runtime/metrics/certificate-expiry.ts';
import { certificatesOf } from '../../src/settings/certificates.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/tls/test-authority.ts';

// A certificate of the authority ends after a day, and its own one after two.
let authority: TestAuthority;
let leaf: TestCertificate;
beforeAll(async () => {
  authority = await createTestAuthority();
  leaf = await authority.issue('leaf', 'DNS:localhost');
});
afterAll(() => authority.remove());

/** The days from now to a moment. */
const daysTo = (seconds: number | null): number => Math.round(((seconds ?? 0) - Date.now() / 1_000) / 86_400);

const daysOf = async (given: Readonly<Record<string, string>>) =>
  [...(await readExpiries(certificatesOf(given)))].map(([seconds, { setting }]) => [setting, daysTo(seconds)]);

it('A file of several certificates ends with the first of them, and a file of none has no end', () => {
  expect(daysTo(expirySecondsOf(Buffer.concat([authority.ca, leaf.cert]).toString()))).toBe(1);
  expect(daysTo(expirySecondsOf(String(authority.ca)))).toBe(2);
  expect(expirySecondsOf('no certificate')).toBe(null);
});

it('The end of every certificate that a setting names is read, but for files that cannot be read', async () => {
  const missing = join(authority.folder, 'missing.pem');
  const verified = 'postgres://db/a?sslmode=verify-full';
  const given = {
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.caPath,
    TEMPORAL_TLS_CLIENT_CERT_PATH: leaf.certPath,
    NODE_EXTRA_CA_CERTS: missing,
    DATABASE_URL: `${verified}&sslrootcert=${authority.caPath}`,
    EVENTS_DATABASE_URL: `${verified}&sslrootcert=${missing}&sslcert=${leaf.certPath}`,
  };
  expect(await daysOf(given)).toEqual([
    ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 2],
    ['TEMPORAL_TLS_CLIENT_CERT_PATH', 1],
    ['DATABASE_URL sslrootcert', 2],
    ['EVENTS_DATABASE_URL sslcert', 1],
  ]);
});

it('A certificate of a database that was renewed is read again, as its driver does', async () => {
  const path = join(authority.folder, 'renewed.pem');
  writeFileSync(path, leaf.cert);
  const used = certificatesOf({ DATABASE_URL: `postgres://db/a?sslmode=verify-full&sslcert=${path}` });
  const days = async () => [...(await readExpiries(used))].map(([seconds]) => daysTo(seconds));
  expect(await days()).toEqual([1]);
  writeFileSync(path, readFileSync(authority.caPath));
  expect(await days()).toEqual([2]);
});
