import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SCOPES, type Scope } from '../../src/domain/access/scopes.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import {
  forgedAuthorizations,
  hmacToken,
  oddAuthorizations,
  validClaims,
  wrongAuthorizations,
} from '../support/http/forged-tokens.ts';
import { expectProblem } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let secret: string;
beforeAll(async () => {
  system = await startTestSystem();
  secret = system.env['JWT_SECRET'] ?? '';
});
afterAll(() => system.stop());

interface Operation {
  readonly method: string;
  readonly path: string;
  /** A token needs one of them; none means that everybody may. */
  readonly scopes: readonly Scope[];
}

/** Every operation of the OpenAPI document, with ids in its path. */
async function operations(): Promise<Operation[]> {
  const { body } = await system.request<{
    paths: Record<string, Record<string, { security?: readonly { readonly bearer: readonly Scope[] }[] }>>;
  }>('/openapi.json');
  return Object.entries(body.paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path: template
        .replace('{id}', `ord_${'a'.repeat(26)}`)
        .replace('{sku}', 'SKU-0001')
        .replace('{template}', 'order-confirmed'),
      scopes: (security ?? []).flatMap(({ bearer }) => bearer),
    })),
  );
}

it('A token is let in with everything in its place', async () => {
  const authorization = `Bearer ${hmacToken(secret, validClaims())}`;
  expect(await system.request('/v1/orders', { headers: { authorization } })).toMatchObject({ status: 200 });
  expect(
    await system.request('/v1/orders', { headers: { authorization: authorization.replace('B', 'b') } }),
  ).toMatchObject({ status: 200 });
});

it('A token may stand behind more than one blank', async () => {
  const authorization = `Bearer   ${hmacToken(secret, validClaims())}`;
  expect(await system.request('/v1/orders', { headers: { authorization } })).toMatchObject({ status: 200 });
});

it.each([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt'])('A token may have the type %s', async (typ) => {
  const authorization = `Bearer ${hmacToken(secret, validClaims(), { typ })}`;
  expect(await system.request('/v1/orders', { headers: { authorization } })).toMatchObject({ status: 200 });
});

/** What is told about tokens that must not be let in. */
async function refusals(authorizations: ReadonlyMap<string, string>): Promise<Set<string>> {
  const details = new Set<string>();
  for (const [name, authorization] of authorizations) {
    const answer = await system.request('/v1/orders', { headers: { authorization } });
    expect(answer.status, name).toBe(401);
    details.add(expectProblem(answer, 'unauthorized').detail);
    expect(answer.headers.get('www-authenticate'), name).toMatch(/^Bearer realm="order-saga"/);
  }
  return details;
}

it('A token is refused in every forged form, always with the same words', async () => {
  const forged = await forgedAuthorizations(secret);
  expect(forged.size).toBeGreaterThan(80);
  expect(await refusals(forged)).toEqual(new Set(['the token cannot be verified']));
});

it('A token is asked for where there is none', async () => {
  expect(await refusals(oddAuthorizations(secret))).toEqual(new Set(['a bearer token is required']));
});

it('A token is refused with the reason where its signature is good and its claims are not', async () => {
  const wrong = wrongAuthorizations(secret);
  expect(wrong.size).toBeGreaterThan(40);
  expect((await refusals(wrong)).size).toBe(7);
});

it.each([
  ['has expired', { exp: 1_700_000_000, iat: 1_700_000_000 - 60 }],
  ['is not valid yet', { nbf: Math.floor(Date.now() / 1_000) + 600 }],
  ['is of another issuer', { iss: 'somebody' }],
  ['is for another audience', { aud: 'another' }],
  ['is valid for longer than this service allows', { exp: Math.floor(Date.now() / 1_000) + 3_000_000 }],
  ['lacks a claim that is needed, or has it in another form', { tenant: undefined }],
])('A token that is signed and %s is told so', async (reason, change) => {
  const authorization = `Bearer ${hmacToken(secret, { ...validClaims(), ...change })}`;
  const answer = await system.request('/v1/orders', { headers: { authorization } });
  expect(expectProblem(answer, 'unauthorized').detail).toBe(`the token ${reason}`);
  const challenge = `Bearer realm="order-saga", error="invalid_token", error_description="the token ${reason}"`;
  expect(answer.headers.get('www-authenticate')).toBe(challenge);
});

it('A token is read from its header only', async () => {
  const token = hmacToken(secret, validClaims());
  const headers = { authorization: '', cookie: `token=${token}; access_token=${token}` };
  expectProblem(await system.request(`/v1/orders?access_token=${token}`, { headers }), 'unauthorized');
});

it('A token grants no scope by words that are none', async () => {
  for (const scope of [
    '',
    '*',
    'orders:*',
    'orders',
    'admin',
    ['orders:*'],
    ['orders:read '],
    [['orders:read']],
    { 'orders:read': true },
    undefined,
  ]) {
    const authorization = `Bearer ${hmacToken(secret, { ...validClaims(), scope })}`;
    expectProblem(await system.request('/v1/orders', { headers: { authorization } }), 'forbidden');
  }
});

it('Every documented operation needs exactly one of the scopes that its document names', async () => {
  const guarded = (await operations()).filter(({ scopes }) => scopes.length > 0);
  expect(guarded.length).toBeGreaterThanOrEqual(8);
  for (const { method, path, scopes } of guarded) {
    const others = SCOPES.filter((other) => !scopes.includes(other));
    const refused = await system.request(path, { method, token: await system.token('demo', others) });
    expect(expectProblem(refused, 'forbidden').detail, `${method} ${path}`).toContain(scopes.join(' or '));
    expectProblem(await system.request(path, { method, headers: { authorization: '' } }), 'unauthorized');

    for (const scope of scopes) {
      const authorization = `Bearer ${await system.token('demo', [scope])}`;
      const admitted = await fetch(system.url + path, { method, headers: { authorization } });
      // A stream would not end by itself.
      await admitted.body?.cancel();
      expect([401, 403], `${method} ${path} with ${scope}`).not.toContain(admitted.status);
    }
  }
});

it('Every documented operation is for everybody only where it tells nothing about tenants', async () => {
  const open = (await operations()).filter(({ scopes }) => scopes.length === 0).map(({ path }) => path);
  const webhook = '/v1/payment-webhooks/{provider}';
  const pages = ['/console', '/docs', '/health', '/livez', '/metrics', '/openapi.json', '/readyz'];
  expect(open.toSorted()).toEqual([...pages, webhook]);
});

it.each(['/v1/orders', '/v1/nothing', '/docs', '/docs/swagger-ui-bundle.js', '/livez', '/nothing', '/metrics'])(
  'An answer of %s tells browsers to be careful',
  async (path) => {
    const response = await fetch(system.url + path);
    await response.body?.cancel();
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': expect.stringContaining('max-age='),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    expect([...response.headers.keys()]).not.toContain('x-powered-by');
    expect([...response.headers.keys()]).not.toContain('access-control-allow-origin');
  },
);

it('An answer about a tenant is kept by no cache', async () => {
  for (const path of ['/v1/orders', '/v1/orders/ord_x', '/v1/products', '/v1/nothing']) {
    expect((await system.request(path)).headers.get('cache-control')).toBe('no-store');
  }
});

it('An answer to a fault of ours says nothing about the inside', async () => {
  // A database without our tables: what every statement meets is a bug, as seen from here.
  const api = await startAnotherApi(system, { DATABASE_URL: inject('postgresUrl').replace('%s', 'postgres') });
  try {
    for (const path of ['/v1/orders', '/v1/products', `/v1/orders/ord_${'a'.repeat(26)}`]) {
      const problem = expectProblem(await api.request(path), 'internal_error');
      expect(JSON.stringify(problem)).not.toMatch(/relation|select|stack|node_modules|\.ts|42P01/i);
    }
  } finally {
    await api.stop();
  }
});
