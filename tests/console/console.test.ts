import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { evidenceOf, proveEnd } from '../support/faults/evidence.ts';
import { openCaseOf, resolveCase, untilStatus } from '../support/faults/order-actions.ts';
import { hasBrowser } from '../support/http/browser.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import type { TestSystem } from '../support/system.ts';
import { expectShown, goTo, startConsole, type ConsoleUnderTest } from './console-pages.ts';

/** The folder for the pictures of docs/console.md, if they are requested. */
const PICTURES = process.env['CONSOLE_PICTURES'] === undefined ? null : join(PROJECT_FOLDER, 'docs/console');

let pages: ConsoleUnderTest;
let system: TestSystem;
beforeAll(async () => {
  if (!hasBrowser) return;
  pages = await startConsole();
  ({ system } = pages);
});
afterAll(() => pages?.stop());

it.skipIf(!hasBrowser)('The sign-in lets a token in, keeps it for the tab only, and forgets it', async () => {
  const page = await pages.openSignedIn();
  const stores = 'JSON.stringify([Object.keys(sessionStorage), Object.keys(localStorage), document.cookie])';
  expect(await page.evaluate(stores)).toBe('[["order-saga-token"],[],""]');
  await page.reload();
  await expectShown(page.getByRole('heading', { name: 'Overview' }));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expectShown(page.getByRole('heading', { name: 'Sign in' }));
  expect(await page.evaluate(stores)).toBe('[[],[],""]');
});

it.skipIf(!hasBrowser)('The sign-in says in words why a token is not let in', async () => {
  const page = await pages.openPage();
  await page.getByLabel('Token').fill('nonsense');
  await page.keyboard.press('Enter');
  await expectShown(page.getByRole('alert').getByText('npm run --silent token'));
  await pages.signIn(page, { scopes: ['orders:read'] });
  await expectShown(page.getByRole('alert').getByText('ops:read'));
});

it.skipIf(!hasBrowser)('The console asks for a sign-in again when the token is not accepted any more', async () => {
  const page = await pages.openSignedIn();
  await page.evaluate(`sessionStorage.setItem('order-saga-token', 'x.y.z')`);
  await goTo(page, '#/orders');
  await expectShown(page.getByRole('heading', { name: 'Sign in' }));
  await expectShown(page.getByRole('alert').getByText('The token was refused'));
});

it.skipIf(!hasBrowser)('An order is found by its id, its reference and its customer', async () => {
  const customer = `cust_${Date.now()}`;
  const body = { reference: `cart ${customer} & <b>`, customer: { id: customer } };
  const orderId = await system.postOrder({ body });
  await untilStatus(system, orderId, 'CONFIRMED');
  const page = await pages.openSignedIn();
  for (const text of [orderId, body.reference, customer]) {
    await goTo(page, '#/orders');
    await page.getByLabel('Order id, reference or customer id').fill(text);
    await page.keyboard.press('Enter');
    if (text !== orderId) await page.getByRole('link', { name: orderId }).click();
    await expectShown(page.getByText('The order is sold'));
    expect(page.url()).toContain(`#/orders/${orderId}`);
  }
  await expectShown(page.getByText(body.reference, { exact: true }));
});

it.skipIf(!hasBrowser)('An order shows its timeline, is paid back in part, and cancelled', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  const page = await pages.openSignedIn();
  await goTo(page, `#/orders/${orderId}`);
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await expectShown(timeline.getByText('The order was accepted'));
  await expectShown(timeline.getByText('Payment: sale succeeded'));
  await expectShown(page.getByRole('link', { name: 'Temporal Web UI' }));
  await page.getByRole('button', { name: 'Pay back' }).click();
  await page.getByLabel('Amount in EUR').fill('9999');
  await page.getByLabel('Reason', { exact: true }).fill('one was broken');
  await page.keyboard.press('Enter');
  await expectShown(page.getByRole('alert').getByText('At most EUR'));
  await page.getByLabel('Amount in EUR').fill('10.50');
  await page.keyboard.press('Enter');
  await expectShown(page.getByText(/^EUR.10\.50 of EUR.45\.00 are paid back\.$/));
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await page.getByLabel('Reason', { exact: true }).fill('all of it was broken');
  await page.keyboard.press('Enter');
  await expectShown(page.getByText('The order is cancelled'));
  await proveEnd(system, orderId, 'CANCELLED');
});

/** Requests reach the service, their answers do not reach the page; resolves to the keys that were sent. */
async function losesAnswers(page: Page): Promise<string[]> {
  const keys: string[] = [];
  await page.route('**/refunds', async (route) => {
    keys.push(route.request().headers()['idempotency-key'] ?? '');
    await route.fetch();
    await route.abort();
  });
  return keys;
}

async function openDialog(page: Page, orderId: string): Promise<void> {
  await goTo(page, `#/orders/${orderId}`);
  await page.getByRole('button', { name: 'Pay back' }).click();
}

/** An order of 45.00 of which 1.00 is paid back; the page does not know it. */
async function paidBackUnseen() {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  const page = await pages.openSignedIn();
  const keys = await losesAnswers(page);
  await openDialog(page, orderId);
  await page.getByLabel('Amount in EUR').fill('1.00');
  await page.getByLabel('Reason', { exact: true }).fill('one was broken');
  await page.keyboard.press('Enter');
  await expectShown(page.getByRole('alert').getByText('it is not known whether this was done'));
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  return { orderId, page, keys };
}

async function paidBack(orderId: string): Promise<number> {
  const { operations } = await evidenceOf(system, orderId);
  return operations
    .filter(({ kind, state }) => kind === 'refund' && state === 'SUCCEEDED')
    .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}

it.skipIf(!hasBrowser)(
  'A refund whose answer is lost is made once when the button is pressed again, also after the page was loaded again',
  async () => {
    const { orderId, page, keys } = await paidBackUnseen();
    await page.getByRole('button', { name: 'Pay back', exact: true }).click();
    await expect.poll(() => keys.length).toBeGreaterThan(3);
    await page.reload();
    await openDialog(page, orderId);
    await expectShown(page.getByText('may have been done'));
    expect(await page.getByLabel('Amount in EUR').inputValue()).toBe('1.00');
    await page.unroute('**/refunds');
    const last = page.waitForRequest('**/refunds');
    await page.keyboard.press('Enter');
    keys.push((await last).headers()['idempotency-key'] ?? '');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(new Set(keys).size).toBe(1);
    expect(await paidBack(orderId)).toBe(100);

    // Its answer is known: the next one is another act.
    await openDialog(page, orderId);
    expect(await page.getByText('may have been done').count()).toBe(0);
  },
);

it.skipIf(!hasBrowser)(
  'A refund whose answer is lost is made in another amount only after the person was told that the first may have been made',
  async () => {
    const { orderId, page, keys } = await paidBackUnseen();
    await page.unroute('**/refunds');
    await page.getByLabel('Amount in EUR').fill('2.00');
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('alert').getByText('may have been done'));
    expect(await paidBack(orderId)).toBe(100);
    const last = page.waitForRequest('**/refunds');
    await page.keyboard.press('Enter');
    expect(keys).not.toContain((await last).headers()['idempotency-key']);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => paidBack(orderId)).toBe(300);
  },
);

it.skipIf(!hasBrowser)('An order that is terminated while it is looked at says so, and what brings it on', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  const page = await pages.openSignedIn();
  await goTo(page, `#/orders/${orderId}`);
  await expectShown(page.getByText('The step take-payment did not succeed yet'));
  await system.client.workflow.getHandle(`order/${orderId}`).terminate('a test');
  await expectShown(page.getByText('nothing goes on by itself'));
  await expectShown(page.getByText('npm run orders -- repair --yes'));
});

it.skipIf(!hasBrowser)('An order that is only authorized is captured by hand', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  const page = await pages.openSignedIn();
  await goTo(page, `#/orders/${orderId}`);
  await page.getByRole('button', { name: 'Take the money' }).click();
  await expectShown(page.getByRole('dialog'));
  await page.keyboard.press('Enter');
  await expectShown(page.getByText('The order is sold'));
  await proveEnd(system, orderId, 'CONFIRMED');
});

it.skipIf(!hasBrowser)(
  'The pages have no horizontal scroll on the smallest phone, and no control without a name',
  async () => {
    const orderId = await pages.parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const page = await pages.openSignedIn({ viewport: { width: 320, height: 640 } });
    for (const hash of ['#/', '#/cases', `#/cases/${id}`, '#/orders', `#/orders/${orderId}`]) {
      await goTo(page, hash);
      await expectShown(page.getByRole('heading', { level: 1 }));
      await page.waitForLoadState('networkidle', { timeout: 1_000 }).catch(() => null);
      expect(await page.evaluate('document.documentElement.scrollWidth'), hash).toBeLessThanOrEqual(320);
      const nameless = `[...document.querySelectorAll('button, a, input, select, svg[role]')]
        .filter((element) => !(element.textContent || element.ariaLabel || element.labels?.length)).length`;
      expect(await page.evaluate(nameless), hash).toBe(0);
    }
    await page.getByRole('link', { name: 'Decide what to do' }).click();
    await page.getByRole('button', { name: /^Try again/ }).click();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
    await page.keyboard.press('Escape');
    await resolveCase(system, orderId, { action: 'retry' });
    await untilStatus(system, orderId, 'CONFIRMED');
  },
);

it.skipIf(!hasBrowser)('The pages are readable in both themes, and remember which one was chosen', async () => {
  const orderId = await pages.parkedOrder();
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await pages.openSignedIn({ colorScheme });
    for (const hash of ['#/', '#/cases', `#/orders/${orderId}`]) {
      await goTo(page, hash);
      await expectShown(page.getByText(/waits? for a person/).first());
      expect(await page.evaluate<string[]>(FAINT_TEXTS), `${colorScheme} ${hash}`).toEqual([]);
    }
  }
  const page = await pages.openSignedIn({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Light' }).click();
  await page.reload();
  expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('light');
  await expectShown(page.getByRole('button', { name: 'Dark' }));
  await resolveCase(system, orderId, { action: 'retry' });
});

it.skipIf(!hasBrowser)('The pages follow the figures, say when the connection is lost, and find it again', async () => {
  const api = await startAnotherApi(system, {});
  const page = await pages.openPage({}, api.url);
  await pages.signIn(page);
  await expectShown(page.getByText(/per second over the last 10 s/));
  await api.stop();
  await expectShown(page.getByText('The connection is lost'));
  const again = await startAnotherApi(system, { API_PORT: new URL(api.url).port });
  await page.getByText('The connection is lost').waitFor({ state: 'hidden' });
  await page.context().close();
  await again.stop();
});

it.runIf(hasBrowser && PICTURES !== null)(
  'The console is drawn for the documentation',
  { timeout: 120_000 },
  async () => {
    await mkdir(PICTURES ?? '', { recursive: true });
    const orders = Array.from({ length: 60 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 400));
      return system.postOrder({ body: { reference: `cart-${1_000 + index}`, customer: { id: `cust_${index % 7}` } } });
    });
    await Promise.all([pages.parkedOrder(), pages.parkedOrder(), system.postOrder({ method: 'pm_wrong_amount' })]);
    await Promise.all(orders);
    const orderId = await pages.parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const sold = await orders[30];
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await pages.openSignedIn({ colorScheme, viewport: { width: 1_000, height: 760 } });
      const views = { overview: '#/', cases: '#/cases', case: `#/cases/${id}`, order: `#/orders/${sold}` };
      for (const [name, hash] of Object.entries(views)) {
        await goTo(page, hash);
        await page.setViewportSize({ width: 1_000, height: HEIGHTS[name] ?? 760 });
        await page.waitForTimeout(2_500);
        await page.screenshot({ path: join(PICTURES ?? '', `${name}-${colorScheme}.png`) });
      }
    }
    const phone = await pages.openSignedIn({ viewport: { width: 320, height: 640 } });
    for (const [name, hash] of Object.entries({ overview: '#/', case: `#/cases/${id}` })) {
      await goTo(phone, hash);
      await phone.waitForTimeout(2_500);
      await phone.screenshot({ path: join(PICTURES ?? '', `${name}-phone.png`) });
    }
    const folder = PICTURES ?? '';
    const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
    expect(sizes).toHaveLength(10);
    expect(Math.max(...(await Promise.all(sizes)))).toBeLessThan(150_000);
  },
);

/** Heights in pixels of pictures that need more than a screen to be understood. */
const HEIGHTS: Readonly<Record<string, number>> = { overview: 830, case: 900, order: 1_150 };

/** Texts with a contrast under 4.5:1 to the nearest background, by WCAG 2, without disabled elements. */
const FAINT_TEXTS = `(() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!hasText || element.checkVisibility() === false || element.closest(':disabled') !== null) continue;
    const [high, low] = [luminance(channels(getComputedStyle(element).color)), luminance(groundOf(element))].toSorted((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faint.push(element.textContent.trim().slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return faint;
})()`;
