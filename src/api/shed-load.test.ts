import { Hono } from 'hono';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';
import { shedLoad } from './shed-load.ts';

let app: Hono<ApiEnv>;
let release: (() => void)[];
beforeEach(() => {
  release = [];
  app = new Hono<ApiEnv>();
  app.use(shedLoad('things', 2));
  app.get('/slow', async (c) => {
    await new Promise<void>((resolve) => release.push(resolve));
    return c.text('done');
  });
  app.get('/broken', () => {
    throw new TypeError('broken');
  });
  app.onError((error, c) => {
    if (error instanceof ProblemError) return c.json({ code: error.code, detail: error.detail }, 503, error.headers);
    return c.text('broken', 500);
  });
});

const slow = async (): Promise<number> => (await app.request('/slow')).status;

describe('shedding load', () => {
  it('refuses what is too many at once, at once, and says when to come again', async () => {
    const taken = [slow(), slow()];
    const refused = await app.request('/slow');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toEqual({
      code: 'unavailable',
      detail: 'too many things at once; nothing was accepted',
    });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(3);
    expect(seconds).toBeLessThanOrEqual(8);
    for (const each of release) each();
    expect(await Promise.all(taken)).toEqual([200, 200]);
  });

  it('takes more when some are done, also when they failed', async () => {
    for (let turn = 0; turn < 5; turn += 1) expect((await app.request('/broken')).status).toBe(500);
    const first = slow();
    release[0]?.();
    expect(await first).toBe(200);
    const taken = [slow(), slow()];
    for (const each of release) each();
    expect(await Promise.all(taken)).toEqual([200, 200]);
  });
});
