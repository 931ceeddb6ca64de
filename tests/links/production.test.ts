import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig, loadDatabaseConfig } from '../../src/config.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { problemsOf, REQUIRED } from '../support/settings.ts';
import { createTestAuthority, type TestAuthority } from '../support/tls/test-authority.ts';

let authority: TestAuthority;
/** Settings of an API in production. */
let fit: Readonly<Record<string, string>>;
beforeAll(async () => {
  authority = await createTestAuthority();
  const { certPath, keyPath } = await authority.issue('api', 'DNS:api.example.com');
  fit = {
    PROFILE: 'production',
    API_HOST: '0.0.0.0',
    API_TLS_CERT_PATH: certPath,
    API_TLS_KEY_PATH: keyPath,
    JWT_JWKS_URL: 'https://idp.example.com/keys',
    CONTACT_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    DATABASE_URL: 'postgres://user:password@db:5432/shop?sslmode=verify-full',
    TEMPORAL_ADDRESS: 'temporal.example.com:7233',
    TEMPORAL_TLS: 'true',
    PAYMENT_PROVIDER: 'stripe',
    STRIPE_SECRET_KEY: 'sk_live_1',
    SMTP_URL: 'smtps://mail.example.com',
  };
});
afterAll(() => authority.remove());

/** Every reason of PROFILE=production, without its common end. */
function reasonsOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const end = ' (PROFILE is production)';
  return problemsOf(env).map((problem) => (problem.endsWith(end) ? problem.slice(0, -end.length) : `?${problem}`));
}

it('Production takes settings whose links are all secured', () => {
  expect(reasonsOf(fit)).toEqual([]);
  expect(loadDatabaseConfig(fit).urls.orders).toBe(fit['DATABASE_URL']);
});

it('Production refuses the defaults of development with every reason at once', () => {
  expect(
    reasonsOf({ ...REQUIRED, PROFILE: 'production', CONTACT_KEYS: `dev1:${randomBytes(32).toString('base64')}` }),
  ).toEqual([
    'DATABASE_URL: is a link in plain text; add sslmode=verify-full',
    'TEMPORAL_ADDRESS: is not set, and the default is the server of `npm start`',
    'PAYMENT_PROVIDER: is the simulator, which moves no money',
    'SMTP_URL: is not set, and the default is the mail sink',
    'CONTACT_KEYS: dev1 is a key of development',
    'JWT_SECRET: is for development, because this program could sign the tokens that it verifies; use JWT_JWKS_URL',
  ]);
  expect(problemsOf(REQUIRED)).toEqual([]);
});

it.each<readonly [string, Readonly<Record<string, string>>]>([
  ['EVENTS_DATABASE_URL', { EVENTS_DATABASE_URL: 'postgres://user:password@db/events?sslmode=disable' }],
  // The parameter wins over the host before it.
  ['DATABASE_URL', { DATABASE_URL: 'postgres://user:password@127.0.0.1/shop?host=db' }],
  ['TEMPORAL_ADDRESS', { TEMPORAL_TLS: 'false' }],
  ['PAYMENT_PROVIDER', { PAYMENT_PROVIDER: 'simulator', PAYMENT_GATEWAY_URL: 'https://pay.example.com' }],
  ['STRIPE_SECRET_KEY', { STRIPE_SECRET_KEY: 'rk_test_1' }],
  ['STRIPE_API_URL', { STRIPE_API_URL: 'http://stripe.example.com' }],
  ['SMTP_URL', { SMTP_URL: 'smtp://mail.example.com' }],
  ['SMTP_URL', { SMTP_URL: 'smtp://127.0.0.1:2525' }],
  ['SMTP_URL', { SMTP_URL: 'smtp://mail.example.com?requireTLS=false' }],
  ['SMS_GATEWAY_URL', { SMS_GATEWAY_URL: 'http://127.0.0.1:8025/sms' }],
  ['HIGH_VALUE_ALERT_URL', { HIGH_VALUE_ALERT_URL: 'http://sales.example.com' }],
  ['JWT_JWKS_URL', { JWT_JWKS_URL: 'http://idp.example.com/keys' }],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1.example.com:4318' }],
  ['PYROSCOPE_ADHOC_SERVER_ADDRESS', { PYROSCOPE_ADHOC_SERVER_ADDRESS: 'http://pyroscope:4040' }],
  ['PYROSCOPE_SERVER_ADDRESS', { PYROSCOPE_SERVER_ADDRESS: 'http://pyroscope:4040' }],
  ['WEBHOOK_ALLOW_PRIVATE', { WEBHOOK_ALLOW_PRIVATE: 'true' }],
  ['CONTACT_KEYS', { CONTACT_KEYS: REQUIRED.CONTACT_KEYS }],
  ['API_HOST', { API_TLS_CERT_PATH: '', API_TLS_KEY_PATH: '' }],
  ['NODE_TLS_REJECT_UNAUTHORIZED', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
])('Production refuses %s where it is %o, and nothing else', (name, change) => {
  const [reason = '', ...others] = reasonsOf({ ...fit, ...change });
  expect(reason.startsWith(`${name}: `)).toBe(true);
  expect(others).toEqual([]);
});

it.each<readonly [string, Readonly<Record<string, string>>]>([
  ['PostgreSQL', { DATABASE_URL: 'postgres://user:password@localhost/shop' }],
  ['a socket of PostgreSQL', { DATABASE_URL: 'postgres:///shop?host=/run/postgresql&user=shop' }],
  ['Temporal', { TEMPORAL_ADDRESS: '127.0.0.1:7233', TEMPORAL_TLS: '' }],
  ['Temporal by IPv6', { TEMPORAL_ADDRESS: '[::1]:7233', TEMPORAL_TLS: '' }],
  ['its own API', { API_HOST: '127.0.0.1', API_TLS_CERT_PATH: '', API_TLS_KEY_PATH: '' }],
  ['a collector of traces', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://[::1]:4318' }],
  ['a collector of traces by TLS', { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example.com' }],
  ['a server of profiles', { PYROSCOPE_SERVER_ADDRESS: 'http://localhost:4040' }],
  ['the mail server by STARTTLS', { SMTP_URL: 'smtp://mail.example.com:587?requireTLS=true' }],
])('Production takes a link to %s that nobody else can reach or read', (_, change) => {
  expect(reasonsOf({ ...fit, ...change })).toEqual([]);
});

it('Production asks a worker neither for tokens nor for the certificate of an API', () => {
  const { JWT_JWKS_URL: _, API_TLS_CERT_PATH: _cert, API_TLS_KEY_PATH: _key, ...worker } = fit;
  expect(loadConfig(worker, { tokens: false }).payment.provider).toBe('stripe');
});

it('Production lets no migration run over a link in plain text', () => {
  const env = { PROFILE: 'production', DATABASE_URL: REQUIRED.DATABASE_URL };
  expect(() => loadDatabaseConfig(env)).toThrow('DATABASE_URL: is a link in plain text; add sslmode=verify-full');
});

it.each(['src/server.ts', 'src/worker.ts', 'src/combined.ts', 'src/migrate.ts'])(
  '%s ends at once in production with settings of development, and says why',
  async (program) => {
    const env = { PATH: process.env['PATH'], ...REQUIRED, PROFILE: 'production' };
    const ended = await promisify(execFile)(process.execPath, [program], { cwd: PROJECT_FOLDER, env }).catch(
      (error: unknown) => error,
    );
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('  - DATABASE_URL: is a link in plain text'),
    });
  },
);
