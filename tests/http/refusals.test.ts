import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApiProcess, type ApiProcess } from '../support/processes/another-api.ts';
import { hmacToken, validClaims } from '../support/http/forged-tokens.ts';
import { expectProblem } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

/** Requests of one network in a window of 10 s. */
const REFUSALS_MAX = 20;

let api: ApiProcess;
beforeEach(async () => {
  const limits = { UNAUTHENTICATED_RATE_LIMIT_PER_SECOND: String(REFUSALS_MAX / 10), TRUSTED_HOPS: '1' };
  api = await startApiProcess(system, { LOG_LEVEL: 'info', LOG_REQUESTS: 'false', ...limits });
});
afterEach(() => api.stop());

const from = (network: string) => ({ 'x-forwarded-for': `203.0.113.250, ${network}` });
const forged = () => hmacToken('x'.repeat(32), validClaims());

function ask(network: string, authorization: string, path = '/v1/orders') {
  return api.request(path, { headers: { ...from(network), authorization } });
}

async function refusedLines(): Promise<Record<string, unknown>[]> {
  const lines = (await api.log()).split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === 'refused');
}

it('A caller without a valid token is refused a number of times, then told to wait, whichever way it tries', async () => {
  const ways = [
    () => ask('192.0.2.1', ''),
    () => ask('192.0.2.1', `Bearer ${forged()}`),
    () => api.request('/v1/payment-webhooks/simulator', { method: 'POST', headers: from('192.0.2.1'), body: '{}' }),
    () => ask('192.0.2.1', '', '/openapi.json'),
  ];
  // At once, because the window ends after 10 s, also on a busy machine.
  const turns = Array.from({ length: REFUSALS_MAX / ways.length }, () => ways).flat();
  const answers = await Promise.all(turns.map((way) => way()));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 200]));
  for (const way of ways) {
    const answer = await way();
    expectProblem(answer, 'rate_limited');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
});

it('A caller without a valid token keeps neither its neighbors with a token, nor other networks, nor probes from being answered', async () => {
  const good = `Bearer ${await api.token()}`;
  await Promise.all(Array.from({ length: REFUSALS_MAX + 1 }, () => ask('192.0.2.1', '')));
  expectProblem(await ask('192.0.2.1', ''), 'rate_limited');
  expect((await ask('192.0.2.1', good)).status).toBe(200);
  expect((await ask('192.0.2.2', '')).status).toBe(401);
  for (const path of ['/livez', '/readyz', '/health']) expect((await ask('192.0.2.1', '', path)).status).toBe(200);
});

it('A refusal is counted by its reason', async () => {
  const expired = { ...validClaims(), exp: 1_700_000_000 };
  await ask('192.0.2.1', '');
  await ask('192.0.2.1', `Bearer ${forged()}`);
  await ask('192.0.2.1', `Bearer ${hmacToken(system.env['JWT_SECRET'] ?? '', expired)}`);
  await ask('192.0.2.1', `Bearer ${await api.token('demo', ['events:read'])}`);
  await api.request('/v1/payment-webhooks/simulator', { method: 'POST', headers: from('192.0.2.1'), body: '{}' });
  const metrics = await (await fetch(`${api.url}/metrics`)).text();
  for (const reason of ['token_missing', 'token_unverified', 'token_expired', 'scope', 'signature']) {
    expect(metrics).toMatch(new RegExp(`^requests_refused_total\\{reason="${reason}".*\\} 1$`, 'm'));
  }
  await expect.poll(refusedLines).toMatchObject(
    ['token_missing', 'token_unverified', 'token_expired', 'scope', 'signature'].map((reason) => ({
      level: 40,
      reason,
      network: '192.0.2.1',
    })),
  );
  expect((await refusedLines()).map(({ tenantId }) => tenantId)).toEqual([
    undefined,
    undefined,
    undefined,
    'demo',
    undefined,
  ]);
});

it('Refusals leave at most ten lines in ten seconds, none with a token', async () => {
  const token = forged();
  const startedAt = performance.now();
  for (let turn = 0; turn < 3 * REFUSALS_MAX; turn += 1) await ask(`192.0.2.${turn}`, `Bearer ${token}`);
  expect((await api.request('/livez')).status).toBe(200);
  await expect.poll(async () => (await refusedLines()).length).toBeGreaterThanOrEqual(10);
  // Windows may have ended meanwhile, and more than one on a busy machine.
  const windows = 1 + Math.ceil((performance.now() - startedAt) / 10_000);
  expect((await refusedLines()).length).toBeLessThanOrEqual(10 * windows);
  expect(await api.log()).not.toContain(token.split('.')[2]);
  const metrics = await (await fetch(`${api.url}/metrics`)).text();
  expect(metrics).toMatch(new RegExp(`^requests_refused_total\\{.*\\} ${3 * REFUSALS_MAX}$`, 'm'));
});
