import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { produce } from '../../src/dev/produce/produce.ts';
import { hasBrowser, launchBrowser } from '../support/http/browser.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** The folder for the pictures of the documentation, if they are requested. */
const PICTURES = process.env['CONSOLE_PICTURES'] === undefined ? null : join(PROJECT_FOLDER, 'docs/console');

let system: TestSystem;
let browser: Browser;
beforeAll(async () => {
  if (!hasBrowser) return;
  system = await startTestSystem({ events: true });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await system?.stop();
});

async function openOverview(colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1_000, height: 1_000 }, colorScheme });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(`${system.url}/console`);
  await page.getByLabel('Token').fill(await system.token());
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}

async function produceEvents(seconds: number): Promise<void> {
  await produce(
    {
      what: 'events',
      rate: 200,
      count: 200 * seconds,
      weights: [{ type: 'purchase', weight: 1 }],
      batch: 10,
      duplicates: 0,
      invalid: 5,
      users: 20,
      inFlightMax: 50,
      url: system.url,
      token: await system.token(),
    },
    new AbortController().signal,
  );
}

it.skipIf(!hasBrowser)('The events on the overview are hidden until there is one, then follow the log', async () => {
  const page = await openOverview();
  await page.getByText(/per second over the last 10 s/).waitFor();
  expect(await page.locator('#events').isVisible()).toBe(false);
  await produceEvents(6);
  // Events that tell of the failures are in the log, too.
  await page.getByText(/1,2\d\d in the log, 60 failed, 0 tried again/).waitFor();
  const chart = page.getByRole('img', { name: /^Events per second over the last 2 minutes: / });
  expect(await chart.locator('polyline').count()).toBe(3);
  const heights = `[...document.querySelectorAll('#events polyline.first')][0].getAttribute('points').split(' ')
    .map((point) => Number(point.split(',')[1]))`;
  // What was accepted is a hill, not a flat line.
  expect(Math.min(...(await page.evaluate<number[]>(heights)))).toBeLessThan(30);
  await page.getByText('analytics 0, webhooks 0').waitFor();
  await page.getByText('analytics 0 ms, webhooks 0 ms').waitFor();
});

it.skipIf(!hasBrowser)('The events on the overview fit on the smallest phone', async () => {
  const page = await openOverview();
  await page.setViewportSize({ width: 320, height: 640 });
  await page.getByText(/in the log/).waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
});

it.runIf(hasBrowser && PICTURES !== null)(
  'The events on the overview are drawn for the documentation',
  { timeout: 120_000 },
  async () => {
    const page = await openOverview();
    await produceEvents(20);
    await page.waitForTimeout(8_000);
    await produceEvents(30);
    await page.locator('#events').screenshot({ path: join(PICTURES ?? '', 'events-light.png') });
    expect(await page.locator('#events').isVisible()).toBe(true);
  },
);
