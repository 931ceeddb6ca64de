import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sampleEvery } from './sampling.ts';

it('A sampler looks until it is stopped, and leaves out what failed', async () => {
  let looks = 0;
  const sampling = sampleEvery(5, () => {
    looks += 1;
    if (looks === 2) throw new Error('away');
    return { looks };
  });
  await expect.poll(() => looks).toBeGreaterThanOrEqual(3);
  const samples = sampling.stop();
  expect(samples.slice(0, 2)).toMatchObject([{ looks: 1 }, { looks: 3 }]);
  expect(samples[0]?.second).toBeCloseTo(0, 1);
  const last = looks;
  await sleep(20);
  expect(looks).toBe(last);
  expect(sampling.stop()).toBe(samples);
});
