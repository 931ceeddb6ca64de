import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Scope } from '../../src/api/http/context.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { hasBrowser, launchBrowser } from '../support/http/browser.ts';
import { evidenceOf, plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { giveCommand, openCaseOf, resolveCase, untilStatus } from '../support/faults/step-ways.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** The folder for the pictures of docs/console.md, if they are requested. */
const PICTURES = process.env['CONSOLE_PICTURES'] === undefined ? null : join(PROJECT_FOLDER, 'docs/console');

describe.skipIf(!hasBrowser)('the console', () => {
  const faults = createFaults();
  let system: TestSystem;
  let browser: Browser;
  beforeAll(async () => {
    system = await startTestSystem({ wrapActivities: faults.wrap });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
  });

  /** A page of its own; the test fails when the page complains, breaks its policy, or calls another server. */
  async function openPage(options: BrowserContextOptions = {}, url = system.url): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1_100, height: 800 }, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      // The browser itself logs every answer that is not a success, and some tests expect such answers.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
        complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) complaints.push(`asked for ${request.url()}`);
    });
    await page.addInitScript(`
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error('policy: ' + violatedDirective + ' ' + blockedURI));
    `);
    onTestFinished(async () => {
      await context.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(`${url}/console`);
    return page;
  }

  async function signIn(page: Page, { subject, scopes }: { subject?: string; scopes?: readonly Scope[] } = {}) {
    await page.getByLabel('Token').fill(await system.token('demo', scopes, subject));
    await page.keyboard.press('Enter');
  }

  async function openSignedIn(options: BrowserContextOptions = {}, subject?: string): Promise<Page> {
    const page = await openPage(options);
    await signIn(page, subject === undefined ? {} : { subject });
    await expectShown(page.getByRole('heading', { name: 'Overview' }));
    return page;
  }

  async function expectShown(what: Locator): Promise<void> {
    await what.waitFor();
    expect(await what.isVisible()).toBe(true);
  }

  async function goTo(page: Page, hash: string): Promise<void> {
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
  }

  /** An order with one unreadable payment answer, which waits for a person. */
  async function parkedOrder(times = 1): Promise<string> {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so'), times));
    await system.postOrder({ body: { reference: `cart-${orderId.slice(-6)}` } }, key);
    await openCaseOf(system, orderId);
    return orderId;
  }

  /** Presses Tab until the focused element has the name, like a person without a mouse. */
  async function tabTo(page: Page, name: RegExp): Promise<void> {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate<string>('document.activeElement?.textContent ?? ""');
      if (name.test(focused)) return;
    }
    throw new Error(`no way by keyboard to ${String(name)}`);
  }

  it('The sign-in lets a token in, keeps it for the tab only, and forgets it', async () => {
    const page = await openSignedIn();
    const stores = 'JSON.stringify([Object.keys(sessionStorage), Object.keys(localStorage), document.cookie])';
    expect(await page.evaluate(stores)).toBe('[["order-saga-token"],[],""]');
    await page.reload();
    await expectShown(page.getByRole('heading', { name: 'Overview' }));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expectShown(page.getByRole('heading', { name: 'Sign in' }));
    expect(await page.evaluate(stores)).toBe('[[],[],""]');
  });

  it('The sign-in says in words why a token is not let in', async () => {
    const page = await openPage();
    await page.getByLabel('Token').fill('nonsense');
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('alert').getByText('npm run --silent token'));
    await signIn(page, { scopes: ['orders:read'] });
    await expectShown(page.getByRole('alert').getByText('ops:read'));
  });

  it('The console asks for a sign-in again when the token is not accepted any more', async () => {
    const page = await openSignedIn();
    await page.evaluate(`sessionStorage.setItem('order-saga-token', 'x.y.z')`);
    await goTo(page, '#/orders');
    await expectShown(page.getByRole('heading', { name: 'Sign in' }));
    await expectShown(page.getByRole('alert').getByText('The token was refused'));
  });

  it('A parked order is found from the first screen and resolved by keyboard alone', async () => {
    const orderId = await parkedOrder();
    const page = await openSignedIn();
    await expectShown(page.getByText(/1 order waits for a person/));
    await tabTo(page, /waits for a person/);
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('link', { name: 'Could not take the payment' }));
    await tabTo(page, /^Could not take the payment$/);
    await page.keyboard.press('Enter');
    await expectShown(page.getByText('the payment provider refused the request itself'));

    await tabTo(page, /^Try again …$/);
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('dialog'));
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement?.textContent')).toBe('Try again …');

    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('dialog'));
    // The reason is required: without one nothing is sent.
    await page.keyboard.press('Enter');
    expect(await page.getByRole('dialog').isVisible()).toBe(true);
    await page.keyboard.type('the gateway is back');
    await page.keyboard.press('Enter');
    await expectShown(page.getByText('The order is ✓ CONFIRMED.'));
    await expectShown(page.getByRole('heading', { name: 'This case is resolved' }));
    await untilStatus(system, orderId, 'CONFIRMED');
    await proveEnd(system, orderId, 'CONFIRMED');
  });

  it('A parked order can be paid by another method', async () => {
    const orderId = await parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const page = await openSignedIn();
    await goTo(page, `#/cases/${id}`);
    await page.getByRole('button', { name: 'Try with another payment method' }).click();
    await page.getByLabel('Payment method', { exact: true }).fill('pm_ok');
    await page.getByLabel('Reason', { exact: true }).fill('the customer sent another card');
    await page.keyboard.press('Enter');
    await expectShown(page.getByText('The order is ✓ CONFIRMED.'));
    const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
    expect(ledger.map(({ key }) => key)).toEqual([`${orderId}:void:1`, `${orderId}:sale:2`]);
  });

  it('A parked order that somebody else decided meanwhile is loaded again, and nothing is done twice', async () => {
    const orderId = await parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const page = await openSignedIn();
    await goTo(page, `#/cases/${id}`);
    await page.getByRole('button', { name: 'Give the order up' }).click();
    await page.getByLabel('Reason', { exact: true }).fill('too late');
    await resolveCase(system, orderId, { action: 'retry' });
    await page.keyboard.press('Enter');
    await expectShown(page.locator('#case-message').getByText('Somebody else was faster'));
    await expectShown(page.getByText('The order is ✓ CONFIRMED.'));
    await proveEnd(system, orderId, 'CONFIRMED');
  });

  it('A parked order that fails again says so', async () => {
    const orderId = await parkedOrder(100);
    const { id } = await openCaseOf(system, orderId);
    const page = await openSignedIn();
    await goTo(page, `#/cases/${id}`);
    await page.getByRole('button', { name: /^Try again/ }).click();
    await page.getByLabel('Reason', { exact: true }).fill('let us see');
    await page.keyboard.press('Enter');
    await expectShown(page.locator('#case-message').getByText('tried and failed again'));
    await resolveCase(system, orderId, { action: 'abort' });
    await untilStatus(system, orderId, 'REJECTED');
  });

  it('A parked order is settled by proof by two people, not by one', async () => {
    const orderId = await system.postOrder({ method: 'pm_refund_fails' });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'refunds' });
    const { id } = await openCaseOf(system, orderId);
    const settle = async (page: Page, button: RegExp, evidence: string): Promise<void> => {
      await page.getByRole('button', { name: button }).click();
      await page.getByLabel('Reference that proves it').fill(evidence);
      await page.getByLabel('Reason', { exact: true }).fill('card closed');
      await page.keyboard.press('Enter');
    };
    const ada = await openSignedIn({}, 'ada');
    await goTo(ada, `#/cases/${id}`);
    await settle(ada, /^Settle by proof/, 'bank-7');
    await expectShown(ada.getByText('You proposed to settle this by the reference bank-7'));
    expect(await ada.getByRole('button', { name: /^Approve the proof/ }).count()).toBe(0);
    await expectShown(ada.getByRole('button', { name: /^Take the proposal back/ }));
    await ada.getByRole('button', { name: /^Correct the proof/ }).click();
    await ada.getByLabel('Reference that proves it').fill('bank-8');
    await ada.getByLabel('Reason', { exact: true }).fill('a typing error');
    await ada.keyboard.press('Enter');
    await expectShown(ada.getByText('You proposed to settle this by the reference bank-8'));
    const bob = await openSignedIn({}, 'bob');
    await goTo(bob, `#/cases/${id}`);
    await expectShown(bob.getByText('ada proposed to settle this'));
    await settle(bob, /^Approve the proof/, 'bank-8');
    await expectShown(bob.getByText('The order is ↩ REFUNDED.'));
    await untilStatus(system, orderId, 'REFUNDED');
  });

  it('A parked order is one of many of a cause that are tried again together', async () => {
    const orderIds = await Promise.all([parkedOrder(), parkedOrder(), parkedOrder()]);
    const page = await openSignedIn();
    await goTo(page, '#/cases');
    await expectShown(page.getByRole('cell', { name: '3 orders' }));
    await page.getByRole('button', { name: 'Try all again' }).click();
    await page.getByLabel('Reason', { exact: true }).fill('the gateway is back');
    await page.keyboard.press('Enter');
    await expectShown(page.getByText('Done: all were tried.'));
    await expectShown(page.getByText('Succeeded').locator('..').getByText('3'));
    for (const orderId of orderIds) await untilStatus(system, orderId, 'CONFIRMED');
    await goTo(page, '#/');
    await expectShown(page.getByText('No order waits for a person'));
  });

  it('An order is found by its id, its reference and its customer', async () => {
    const customer = `cust_${Date.now()}`;
    const body = { reference: `cart ${customer} & <b>`, customer: { id: customer } };
    const orderId = await system.postOrder({ body });
    await untilStatus(system, orderId, 'CONFIRMED');
    const page = await openSignedIn();
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

  it('An order shows its timeline, is paid back in part, and cancelled', async () => {
    const orderId = await system.postOrder();
    await untilStatus(system, orderId, 'CONFIRMED');
    const page = await openSignedIn();
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
    const page = await openSignedIn();
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

  it('A refund whose answer is lost is made once when the button is pressed again, also after the page was loaded again', async () => {
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
  });

  it('A refund whose answer is lost is made in another amount only after the person was told that the first may have been made', async () => {
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
  });

  it('An order that is terminated while it is looked at says so, and what brings it on', async () => {
    const orderId = await system.postOrder({ method: 'pm_down' });
    const page = await openSignedIn();
    await goTo(page, `#/orders/${orderId}`);
    await expectShown(page.getByText('The step take-payment did not succeed yet'));
    await system.client.workflow.getHandle(`order/${orderId}`).terminate('a test');
    await expectShown(page.getByText('nothing goes on by itself'));
    await expectShown(page.getByText('npm run orders -- repair --yes'));
  });

  it('An order that is only authorized is captured by hand', async () => {
    const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    const page = await openSignedIn();
    await goTo(page, `#/orders/${orderId}`);
    await page.getByRole('button', { name: 'Take the money' }).click();
    await page.keyboard.press('Enter');
    await expectShown(page.getByText('The order is sold'));
    await proveEnd(system, orderId, 'CONFIRMED');
  });

  it('The pages have no horizontal scroll on the smallest phone, and no control without a name', async () => {
    const orderId = await parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const page = await openSignedIn({ viewport: { width: 320, height: 640 } });
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
  });

  it('The pages are readable in both themes, and remember which one was chosen', async () => {
    const orderId = await parkedOrder();
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await openSignedIn({ colorScheme });
      for (const hash of ['#/', '#/cases', `#/orders/${orderId}`]) {
        await goTo(page, hash);
        await expectShown(page.getByText(/waits? for a person/).first());
        expect(await page.evaluate<string[]>(FAINT_TEXTS), `${colorScheme} ${hash}`).toEqual([]);
      }
    }
    const page = await openSignedIn({ colorScheme: 'dark' });
    await page.getByRole('button', { name: 'Light' }).click();
    await page.reload();
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('light');
    await expectShown(page.getByRole('button', { name: 'Dark' }));
    await resolveCase(system, orderId, { action: 'retry' });
  });

  it('The pages follow the figures, say when the connection is lost, and find it again', async () => {
    const api = await startAnotherApi(system, {});
    const page = await openPage({}, api.url);
    await signIn(page);
    await expectShown(page.getByText(/per second over the last 10 s/));
    await api.stop();
    await expectShown(page.getByText('The connection is lost'));
    const again = await startAnotherApi(system, { API_PORT: new URL(api.url).port });
    await page.getByText('The connection is lost').waitFor({ state: 'hidden', timeout: 20_000 });
    await page.context().close();
    await again.stop();
  });

  it.runIf(PICTURES !== null)('The console is drawn for the documentation', { timeout: 120_000 }, async () => {
    await mkdir(PICTURES ?? '', { recursive: true });
    const orders = Array.from({ length: 60 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 400));
      return system.postOrder({ body: { reference: `cart-${1_000 + index}`, customer: { id: `cust_${index % 7}` } } });
    });
    await Promise.all([parkedOrder(), parkedOrder(), system.postOrder({ method: 'pm_wrong_amount' })]);
    await Promise.all(orders);
    const orderId = await parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const sold = await orders[30];
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await openSignedIn({ colorScheme, viewport: { width: 1_000, height: 760 } });
      const pages = { overview: '#/', cases: '#/cases', case: `#/cases/${id}`, order: `#/orders/${sold}` };
      for (const [name, hash] of Object.entries(pages)) {
        await goTo(page, hash);
        await page.setViewportSize({ width: 1_000, height: HEIGHTS[name] ?? 760 });
        await page.waitForTimeout(2_500);
        await page.screenshot({ path: join(PICTURES ?? '', `${name}-${colorScheme}.png`) });
      }
    }
    const phone = await openSignedIn({ viewport: { width: 320, height: 640 } });
    for (const [name, hash] of Object.entries({ overview: '#/', case: `#/cases/${id}` })) {
      await goTo(phone, hash);
      await phone.waitForTimeout(2_500);
      await phone.screenshot({ path: join(PICTURES ?? '', `${name}-phone.png`) });
    }
    const folder = PICTURES ?? '';
    const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
    expect(sizes).toHaveLength(10);
    expect(Math.max(...(await Promise.all(sizes)))).toBeLessThan(150_000);
  });
});

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
