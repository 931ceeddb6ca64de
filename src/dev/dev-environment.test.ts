import { expect, it } from 'vitest';
import { assertForDevelopment } from './dev-environment.ts';

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
