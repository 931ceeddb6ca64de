import { expect, it } from 'vitest';
import { assertForDevelopment, loadDevEnvironment } from './dev-environment.ts';

it.each([
  [{ PROFILE: 'production' }, 'PROFILE: npm start is for development'],
  [{ API_TLS_CERT_PATH: '/tls.crt', API_TLS_KEY_PATH: '/tls.key' }, 'API_TLS_CERT_PATH: npm start asks its API'],
  [{ TEMPORAL_TLS: 'true' }, 'TEMPORAL_TLS: the Temporal of npm start has no TLS; set TEMPORAL_ADDRESS as well'],
  [{ TEMPORAL_API_KEY: 'key', TEMPORAL_ADDRESS: '' }, 'TEMPORAL_API_KEY: the Temporal of npm start has no TLS'],
])('npm start refuses %o in a sentence', (env, words) => {
  expect(() => assertForDevelopment(env)).toThrow(words);
});

it.each([
  {},
  { PROFILE: 'development', TEMPORAL_TLS: 'false', API_TLS_CERT_PATH: '' },
  { TEMPORAL_ADDRESS: 'temporal.example.com:7233', TEMPORAL_TLS: 'true', TEMPORAL_API_KEY: 'key' },
])('npm start takes %o, because the TLS of a Temporal elsewhere is not its own', (env) => {
  expect(() => assertForDevelopment(env)).not.toThrow();
});

it.each([
  [{}, 'http://127.0.0.1:8081'],
  [{ OPERATOR_ROUTES: 'internal' }, 'http://127.0.0.1:9465'],
  [{ OPERATOR_ROUTES: 'internal', INTERNAL_HOST: '0.0.0.0', INTERNAL_PORT: '9555' }, 'http://127.0.0.1:9555'],
])('The pages for operators of an npm start with %o are at %s', (env, operatorUrl) => {
  expect(loadDevEnvironment({ ...env, API_PORT: '8081' })).toMatchObject({
    apiUrl: 'http://127.0.0.1:8081',
    operatorUrl,
  });
});
