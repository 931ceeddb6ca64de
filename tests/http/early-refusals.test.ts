import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAnotherApi, type AnotherApi } from '../support/processes/another-api.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let api: AnotherApi;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  api = await startAnotherApi(system, { RATE_LIMIT_PER_SECOND: '1', EVENT_RATE_LIMIT_PER_SECOND: '1' });
});
afterAll(async () => {
  await api.stop();
  await system.stop();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
  readonly isOnUsedConnection: boolean;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
afterAll(() => agent.destroy());

function post(path: string, token: string, bytes = 100): Promise<Answer> {
  const body = JSON.stringify({ filler: 'x'.repeat(bytes) });
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-correlation-id': 'basket-77',
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${api.url}${path}`, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const { statusCode: status, headers: told } = answer;
        resolve({ status, headers: told, body: parsed, isOnUsedConnection: sent.reusedSocket });
      });
    });
    sent.on('error', reject).end(body);
  });
}

/** Sends what is wrong, which costs a point like anything else, until the tenant has none. */
async function spendAll(path: string, token: string): Promise<void> {
  await expect.poll(() => post(path, token).then(({ status }) => status), { interval: 0, timeout: 10_000 }).toBe(429);
}

it.each(['/v1/orders', '/v1/events'])(
  'A tenant that sends too much to %s is told so on a connection that stays usable, whatever the body is',
  async (path) => {
    const token = await system.token(`greedy${path.length}${path.at(-2)}`);
    await spendAll(path, token);
    const answers = [await post(path, token, 60_000), await post(path, token)];
    const [answer] = answers.filter(({ status }) => status === 429);
    expect(answer?.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': expect.stringMatching(/^([1-9]|10)$/),
      'x-correlation-id': 'basket-77',
      'x-request-id': answer?.body['requestId'],
      'x-content-type-options': 'nosniff',
    });
    expect(answer?.body).toMatchObject({ code: 'rate_limited', status: 429, errors: [] });
    expect(answers.every(({ isOnUsedConnection }) => isOnUsedConnection)).toBe(true);
    const { status } = await post(path, await system.token('modest'));
    expect(status).not.toBe(429);
  },
);

it('Requests that are refused by their head are counted like all others', async () => {
  const token = await system.token('counted');
  await spendAll('/v1/orders', token);
  await spendAll('/v1/orders', token);
  const metrics = await (await fetch(`${api.url}/metrics`)).text();
  const counted = metrics.split('\n').filter((line) => line.includes('_count{http_route="/v1/orders",'));
  expect(counted.filter((line) => line.includes('http_response_status_code="429"'))).toHaveLength(1);
});
