import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Scope } from '../../src/domain/access/scopes.ts';
import type { OverviewView } from '../../src/api/console/console-schemas.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { DESK_ACTIONS } from '../../src/domain/case.ts';
import { FAILURE_CODES } from '../../src/domain/errors.ts';
import { ORDER_STATUSES } from '../../src/domain/order-status.ts';
import { STEP_POLICIES } from '../../src/workflows/steps/step-policies.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { expectProblem } from '../support/http/problems.ts';
import { timed } from '../support/stopwatch.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

/** The page and the addresses that it loads. */
async function loadPage(url = system.url): Promise<{ page: string; addresses: string[] }> {
  const page = await (await fetch(`${url}/console`)).text();
  return { page, addresses: [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, address = '']) => address) };
}

/** All files of the console: those that the page loads, and those that its modules import. */
async function loadFiles(): Promise<Map<string, { text: string; headers: Headers }>> {
  const { addresses } = await loadPage();
  const files = new Map<string, { text: string; headers: Headers }>();
  for (let address = addresses.shift(); address !== undefined; address = addresses.shift()) {
    if (files.has(address)) continue;
    const response = await fetch(system.url + address);
    expect(response.status, address).toBe(200);
    const text = await response.text();
    files.set(address, { text, headers: response.headers });
    for (const [, name = ''] of text.matchAll(/from '\.\/([\w-]+\.js)'/g)) {
      addresses.push(address.replace(/[^/]+$/, name));
    }
  }
  return files;
}

it('The files of the console have their type, are cached forever under the address of their version, and name no other server', async () => {
  const { page } = await loadPage();
  const files = await loadFiles();
  expect(files.size).toBeGreaterThan(15);
  for (const [address, { text, headers }] of files) {
    expect(address).toMatch(/^\/console\/[\w-]{16}\/[\w-]+\.(js|css|svg)$/);
    expect(headers.get('content-type'), address).toMatch(/^(text\/javascript|text\/css|image\/svg\+xml)/);
    expect(headers.get('cache-control'), address).toBe('public, max-age=31536000, immutable');
    expect(text.replaceAll('http://www.w3.org/2000/svg', ''), address).not.toMatch(/https?:\/\/|innerHTML|\beval\(/);
  }
  expect(page).not.toMatch(/https?:|<style|style=|<script>|onload=|javascript:/);
});

it('The page of the console is asked for each time, and the answer is short when it is unchanged', async () => {
  const first = await fetch(`${system.url}/console`);
  expect(first.headers.get('content-type')).toMatch(/^text\/html/);
  expect(first.headers.get('cache-control')).toBe('no-cache');
  const etag = first.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[\w-]{16}"$/);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
    const again = await fetch(`${system.url}/console`, { headers: { 'if-none-match': known } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
  }
  const changed = await fetch(`${system.url}/console`, { headers: { 'if-none-match': '"other"' } });
  expect(changed.status).toBe(200);
  expect(await first.text()).toBe(await changed.text());
});

it.each(['index.html', 'nothing.js', '..%2fconsole.ts', '%2e%2e%2f%2e%2e%2fpackage.json', 'x.js%00'])(
  'The console serves no other file: %s',
  async (name) => {
    const { addresses } = await loadPage();
    const folder = addresses[0]?.replace(/[^/]+$/, '') ?? '';
    expectProblem(await system.request(`${folder}${name}`), 'not_found');
    expectProblem(await system.request('/console/AAAAAAAAAAAAAAAA/app.js'), 'not_found');
  },
);

it('The console runs under a policy without anything inline or from elsewhere', async () => {
  const { addresses } = await loadPage();
  for (const address of ['/console', ...addresses]) {
    const { headers } = await fetch(system.url + address);
    const policy = (headers.get('content-security-policy') ?? '').split('; ');
    expect(policy, address).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
      ]),
    );
    expect(policy.join(), address).not.toMatch(/unsafe|\*|http/);
    expect(headers.get('x-content-type-options'), address).toBe('nosniff');
  }
  const docs = await fetch(`${system.url}/docs`);
  expect(docs.headers.get('content-security-policy')).toContain("style-src 'self' 'unsafe-inline'");
});

it('The console has words for every step, failure, action and status', async () => {
  const file = pathToFileURL(join(PROJECT_FOLDER, 'src/api/console/browser/words.js')).href;
  const words = (await import(file)) as Record<'STEPS' | 'FAILURES' | 'ACTIONS' | 'STATUSES', object>;
  const steps = Object.values(STEP_POLICIES).map(({ id }) => id);
  expect(Object.keys(words.STEPS)).toEqual(expect.arrayContaining(steps));
  expect(Object.keys(words.FAILURES)).toEqual(expect.arrayContaining([...FAILURE_CODES]));
  expect(Object.keys(words.ACTIONS)).toEqual([...DESK_ACTIONS]);
  expect(Object.keys(words.STATUSES)).toEqual([...ORDER_STATUSES]);
});

interface Stream {
  readonly status: number;
  readonly headers: Headers;
  next(): Promise<{ event: string; data: OverviewView } | null>;
  leave(): void;
}

async function openStream(api: Pick<TestSystem, 'url' | 'token'>, token?: string): Promise<Stream> {
  const gone = new AbortController();
  const response = await fetch(`${api.url}/v1/console/stream`, {
    headers: { authorization: `Bearer ${token ?? (await api.token())}` },
    signal: gone.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  return {
    status: response.status,
    headers: response.headers,
    next: async () => {
      while (!rest.includes('\n\n')) {
        const read = await reader?.read();
        if (read === undefined || read.done) return null;
        rest += read.value;
      }
      const [block = '', ...more] = rest.split('\n\n');
      rest = more.join('\n\n');
      const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      return { event, data: JSON.parse(data) as OverviewView };
    },
    leave: () => gone.abort(),
  };
}

it('The stream of the console tells the figures of the event pipeline, which cover all tenants, only with the scope for it', async () => {
  await system.request('/v1/events', { method: 'POST', body: JSON.stringify({ type: 'custom' }) });
  const firstWith = async (scopes: readonly Scope[]) => {
    const stream = await openStream(system, await system.token('acme', scopes));
    const first = await stream.next();
    stream.leave();
    return first?.data;
  };
  await expect.poll(async () => (await firstWith(['ops:read', 'platform:read']))?.events).not.toBeNull();
  const shown = await firstWith(['ops:read', 'ops:write', 'ops:money']);
  expect(shown?.orders).toBeDefined();
  expect(shown?.events).toBeNull();
});

it('The stream of the console tells the figures at once and then about every two seconds', async () => {
  const readTwice = async () => {
    const stream = await openStream(system);
    return { stream, first: await stream.next(), second: await stream.next() };
  };
  const { result, seconds, clockSeconds } = await timed(readTwice());
  const { stream, first, second } = result;
  stream.leave();
  expect(stream.status).toBe(200);
  expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(stream.headers.get('cache-control')).toBe('no-store');
  expect(first?.event).toBe('overview');
  expect(Object.keys(first?.data.orders.byStatus ?? {})).toEqual([...ORDER_STATUSES]);
  expect(first?.data.confirmed.perSecond).toHaveLength(120);
  expect(second?.event).toBe('overview');
  expect(clockSeconds).toBeGreaterThan(1.5);
  expect(seconds).toBeLessThan(4);
});

it('The stream of the console counts what happens, for this tenant only', async () => {
  const token = await system.token('somebody-else');
  const orderId = await system.postOrder();
  await system.orderAtRest(orderId);
  const parked = await system.postOrder({ method: 'pm_wrong_amount' });
  expect((await system.orderAtRest(parked)).attention).not.toBeNull();
  const stream = await openStream(system);
  await expect
    .poll(async () => {
      const { data } = (await stream.next()) ?? {};
      return {
        confirmed: data?.orders.byStatus['CONFIRMED'],
        pending: data?.orders.byStatus['PENDING'],
        inSeconds: data?.confirmed.perSecond.reduce((sum, count) => sum + count, 0),
        open: data?.cases.open,
        causes: data?.cases.causes.map(({ fingerprint, open }) => [fingerprint, open]),
      };
    })
    .toEqual({ confirmed: 1, pending: 1, inSeconds: 1, open: 1, causes: [['take-payment/payment_mismatch', 1]] });
  const seen = await stream.next();
  expect(seen?.data.latency.p50Ms).toBeGreaterThan(0);
  expect(seen?.data.latency.steps.length).toBeGreaterThan(0);
  stream.leave();
  const other = await openStream(system, token);
  expect((await other.next())?.data).toMatchObject({
    orders: { byStatus: { CONFIRMED: 0, PENDING: 0 } },
    latency: { p50Ms: null, steps: [] },
    cases: { open: 0, oldestOpenedAt: null, causes: [] },
  });
  other.leave();
});

it('The stream of the console is for operators', async () => {
  const token = await system.token('demo', ['orders:read', 'ops:write']);
  expectProblem(await system.request('/v1/console/stream', { token }), 'forbidden');
  expectProblem(await system.request('/v1/console/stream', { headers: { authorization: '' } }), 'unauthorized');
});

it('The stream of the console ends in order when the process shuts down, and does not delay the shutdown', async () => {
  const api = await startAnotherApi(system, {});
  const streams = await Promise.all(Array.from({ length: 5 }, () => openStream(api)));
  for (const stream of streams) expect((await stream.next())?.event).toBe('overview');
  const ends = Promise.all(streams.map((stream) => stream.next()));
  const { result, seconds } = await timed(api.stop().then(() => ends));
  expect(result).toEqual([null, null, null, null, null]);
  // A shutdown cuts what has not ended after `SHUTDOWN_GRACE_SECONDS`, which are 5 here.
  expect(seconds).toBeLessThan(4);
});

it('The stream of the console frees its place when the page is closed, so that many can be opened one after the other', async () => {
  for (let round = 0; round < 5; round += 1) {
    const streams = await Promise.all(Array.from({ length: 60 }, () => openStream(system)));
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    await Promise.all(streams.map((stream) => stream.next()));
    for (const stream of streams) stream.leave();
  }
});

it('The stream of the console refuses more watchers than a process can serve, and takes the next one when one has gone', async () => {
  const streams = await Promise.all(Array.from({ length: 230 }, () => openStream(system)));
  const open = streams.filter(({ status }) => status === 200);
  const refused = streams.filter(({ status }) => status === 503);
  expect([open.length, refused.length]).toEqual([200, 30]);
  for (const stream of streams) stream.leave();
  await expect
    .poll(async () => {
      const stream = await openStream(system);
      stream.leave();
      return stream.status;
    })
    .toBe(200);
});
