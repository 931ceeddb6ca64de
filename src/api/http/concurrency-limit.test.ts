import { EventEmitter } from 'node:events';
import { Hono } from 'hono';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiEnv } from './context.ts';
import { createConcurrencyLimit, limitConcurrency } from './concurrency-limit.ts';
import { ProblemError } from './problem.ts';

const most = (places: ReturnType<typeof createConcurrencyLimit>, caller: string): number => {
  let taken = 0;
  while (places.takeIfFree(caller) !== null) taken += 1;
  return taken;
};

it('Half of the places are for one caller alone, and the next caller finds some', () => {
  const places = createConcurrencyLimit({ what: 'things', max: 12 });
  expect(most(places, 'first')).toBe(6);
  expect(most(places, 'second')).toBe(3);
  expect(most(places, 'third')).toBe(2);
  expect(most(places, 'fourth')).toBe(1);
});

it('Places are free again when they are given back, and leave nothing behind', () => {
  const places = createConcurrencyLimit({ what: 'things', max: 2 });
  for (let turn = 0; turn < 10; turn += 1) {
    const giveBack = places.takeIfFree(`caller ${turn}`);
    expect(places.takeIfFree(`caller ${turn}`)).toBeNull();
    giveBack?.();
  }
  expect(most(places, 'last')).toBe(1);
});

it('Places are counted by bytes as well', () => {
  const places = createConcurrencyLimit({ what: 'things', max: 100, bytesMax: 1_000 });
  expect(places.takeIfFree('large', 501)).not.toBeNull();
  expect(places.takeIfFree('large', 1)).toBeNull();
  expect(places.takeIfFree('small', 499)).not.toBeNull();
  expect(places.takeIfFree('third', 1)).toBeNull();
});

it('A request is refused with a time to come again when all places are taken', () => {
  const places = createConcurrencyLimit({ what: 'things', max: 1 });
  places.take('somebody');
  const refusal = captured(() => places.take('somebody'));
  expect(refusal).toMatchObject({ code: 'unavailable', detail: 'too many things at once; nothing was accepted' });
  const seconds = Number(refusal.headers['Retry-After']);
  expect(seconds).toBeGreaterThanOrEqual(3);
  expect(seconds).toBeLessThanOrEqual(8);
});

function captured(act: () => unknown): ProblemError {
  try {
    act();
  } catch (error) {
    if (error instanceof ProblemError) return error;
  }
  throw new Error('nothing was refused');
}

/** Node's request and response, with the parts that are used. */
function bindings(remoteAddress: string) {
  const socket = Object.assign(new EventEmitter(), { remoteAddress, destroyed: false });
  const outgoing = Object.assign(new EventEmitter(), { destroyed: false });
  return { incoming: { socket }, outgoing };
}

describe('a request', () => {
  let app: Hono<ApiEnv>;
  beforeEach(() => {
    app = new Hono<ApiEnv>();
    app.use(limitConcurrency(createConcurrencyLimit({ what: 'things', max: 2 }), () => 'one'));
    app.get('/', (c) => c.text(''));
    app.get('/broken', () => {
      throw new TypeError('broken');
    });
    app.onError((error, c) => c.text('', error instanceof ProblemError ? 503 : 500));
  });

  const ask = async (env: ReturnType<typeof bindings>, path = '/'): Promise<number> =>
    (await app.request(path, {}, env)).status;

  it('A request keeps its place until its response has ended, however that ends', async () => {
    const [sent, broken, cut] = [bindings('10.0.0.1'), bindings('10.0.0.1'), bindings('10.0.0.1')];
    expect(await ask(sent)).toBe(200);
    expect(await ask(broken)).toBe(503);
    sent.outgoing.emit('close');
    expect(await ask(broken, '/broken')).toBe(500);
    expect(await ask(cut)).toBe(503);
    broken.outgoing.emit('close');
    expect(await ask(cut)).toBe(200);
    // The response still waited for others on its connection, so Node reports nothing about it.
    cut.incoming.socket.emit('close');
    cut.outgoing.emit('close');
    expect(await ask(bindings('10.0.0.1'))).toBe(200);
    expect(await ask(bindings('10.0.0.1'))).toBe(503);
  });

  it('A request whose client has gone already takes no place', async () => {
    const gone = bindings('10.0.0.1');
    gone.outgoing.destroyed = true;
    for (let turn = 0; turn < 3; turn += 1) expect(await ask(gone)).toBe(200);
  });
});
