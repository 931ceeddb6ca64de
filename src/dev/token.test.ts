import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { expect, it } from 'vitest';
import { SCOPES } from '../domain/access/scopes.ts';

const SECRET = 'a-secret-of-at-least-32-characters';

function runToken(args: readonly string[], env: Record<string, string> = { JWT_SECRET: SECRET }) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'token.ts'), ...args], { env, encoding: 'utf8' });
}

async function claimsOf(token: string) {
  const key = new TextEncoder().encode(SECRET);
  const expected = { issuer: 'order-saga', audience: 'order-saga', algorithms: ['HS256'] };
  return (await jwtVerify(token, key, expected)).payload;
}

it('npm run --silent token prints the token and nothing else', async () => {
  const { stdout, status } = runToken(['--tenant', 'acme', '--scopes', 'orders:read,orders:write', '--ttl', '90m']);
  expect(status).toBe(0);
  const claims = await claimsOf(stdout.trim());
  expect(claims).toMatchObject({ sub: 'dev', tenant: 'acme', scope: 'orders:write orders:read' });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(90 * 60);
});

it('A token without arguments is for tenant demo, all scopes, one hour', async () => {
  const claims = await claimsOf(runToken([]).stdout.trim());
  expect(claims).toMatchObject({ tenant: 'demo', scope: SCOPES.join(' ') });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(3_600);
});

it('A token is of another person when one is named', async () => {
  const { stdout } = runToken(['--subject', 'grace@example.com']);
  expect(await claimsOf(stdout.trim())).toMatchObject({ sub: 'grace@example.com', tenant: 'demo' });
});

it('A token has roles instead of scopes where they are asked for', async () => {
  expect(await claimsOf(runToken(['--roles', 'finance,support']).stdout.trim())).toMatchObject({
    scope: '',
    roles: ['support', 'finance'],
  });
  const named = runToken(['--roles', 'admin', '--scopes', 'orders:read'], {
    JWT_SECRET: SECRET,
    JWT_ROLES_CLAIM: 'groups',
  });
  expect(await claimsOf(named.stdout.trim())).toMatchObject({ scope: 'orders:read', groups: ['admin'] });
});

it.each([
  [['--subject', 'grace hopper'], 'is not a name'],
  [['--ttl', 'soon'], 'is not a duration'],
  [['--ttl', '0h'], 'is not a duration'],
  [['--ttl', '31d'], 'JWT_MAX_LIFETIME_SECONDS allows 2592000 seconds at most'],
  [['--scopes', 'orders:read,orders:steal'], 'there is no scope "orders:steal"'],
  [['--roles', 'king'], 'there is no role "king"'],
  [['--tenant', 'a b'], 'is not a tenant'],
  [['--color', 'red'], '--color'],
])('%j is refused with exit code 2', (args, message) => {
  const { stdout, stderr, status } = runToken(args);
  expect([stdout, status]).toEqual(['', 2]);
  expect(stderr).toContain(message);
});

it('The program says where to get a secret when it has none', () => {
  const { stderr, status } = runToken([], {});
  expect(status).toBe(2);
  expect(stderr).toContain('JWT_SECRET: is not set: run `npm start` once');
});
