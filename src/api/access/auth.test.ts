import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTokenVerifier } from './auth.ts';

const CLAIMS: JWTPayload = { tenant: 'acme', scope: 'orders:read nonsense ops:money' };

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

function sign(
  key: Parameters<SignJWT['sign']>[0],
  alg: string,
  { kid = 'current', claims = CLAIMS }: { kid?: string; claims?: JWTPayload } = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg, kid })
    .setIssuer('https://idp.example')
    .setAudience('order-saga')
    .setSubject('ada')
    .setExpirationTime('5m')
    .sign(key);
}

let keys: Keys;
let server: Server;
let answer: { status: number; body: string };
let verify: ReturnType<typeof createTokenVerifier>;

beforeEach(async () => {
  keys = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'current', alg: 'RS256', use: 'sig' };
  answer = { status: 200, body: JSON.stringify({ keys: [jwk] }) };
  server = createServer((_, response) => response.writeHead(answer.status).end(answer.body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const expected = {
    issuer: 'https://idp.example',
    audience: 'order-saga',
    maxLifetimeSeconds: 3_600,
    roles: null,
    tenants: null,
  };
  verify = createTokenVerifier({ secret: null, jwksUrl, ...expected });
});

const closeServer = (): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
afterEach(closeServer);

it('Tokens of an identity provider are let in with the scopes that we know', async () => {
  expect(await verify(await sign(keys.privateKey, 'RS256'))).toEqual({
    tenantId: 'acme',
    subject: 'ada',
    scopes: new Set(['orders:read', 'ops:money']),
    ownOnly: new Set(),
  });
});

it.each([
  ['words in `scope`', { scope: 'orders:read ops:money' }],
  ['words in `scp`', { scope: undefined, scp: 'ops:money  orders:read' }],
  ['a list in `scp`', { scope: undefined, scp: ['orders:read', 7, null, 'ops:money'] }],
  ['a list in `scope`', { scope: ['orders:read', 'ops:money', 'ops:write orders:write'] }],
  ['both', { scope: 'orders:read', scp: ['ops:money'] }],
])('Tokens of an identity provider grant the scopes in %s', async (_, claims) => {
  const token = await sign(keys.privateKey, 'RS256', { claims: { ...CLAIMS, ...claims } });
  expect((await verify(token)).scopes).toEqual(new Set(['orders:read', 'ops:money']));
});

it('Tokens of an identity provider are refused when another key signed them', async () => {
  const others = await generateKeyPair('RS256');
  await expect(verify(await sign(others.privateKey, 'RS256'))).rejects.toMatchObject({ code: 'unauthorized' });
  const unknown = await sign(others.privateKey, 'RS256', { kid: 'unknown' });
  await expect(verify(unknown)).rejects.toMatchObject({ code: 'unauthorized' });
});

it('Tokens of an identity provider are refused when the public key was used as a shared secret', async () => {
  const publicText = new TextEncoder().encode(await exportSPKI(keys.publicKey));
  await expect(verify(await sign(publicText, 'HS256'))).rejects.toMatchObject({ code: 'unauthorized' });
});

it.each([
  ['answers with an error', { status: 500, body: 'sorry' }],
  ['answers with something else', { status: 200, body: '<html>' }],
  ['answers with no keys at all', { status: 200, body: '{}' }],
])('Tokens of an identity provider are not refused but unavailable while the provider %s', async (_, broken) => {
  answer = broken;
  await expect(verify(await sign(keys.privateKey, 'RS256'))).rejects.toMatchObject({ code: 'unavailable' });
});

it('Tokens of an identity provider are not refused but unavailable while the provider is down', async () => {
  await closeServer();
  await expect(verify(await sign(keys.privateKey, 'RS256'))).rejects.toMatchObject({ code: 'unavailable' });
});
