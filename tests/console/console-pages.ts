import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import type { Scope } from '../../src/domain/access/scopes.ts';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { plannedOrder } from '../support/faults/evidence.ts';
import { createFaults, failBefore, type Faults } from '../support/faults/faults.ts';
import { openCaseOf } from '../support/faults/order-actions.ts';
import { launchBrowser } from '../support/http/browser.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** Who signs in. */
export interface Person {
  readonly subject?: string;
  readonly scopes?: readonly Scope[];
}

/** A system, and a browser that looks at its console. */
export interface ConsoleUnderTest {
  readonly system: TestSystem;
  readonly faults: Faults;
  /** A page of its own; the test fails when the page complains, breaks its policy, or calls another server. */
  openPage(options?: BrowserContextOptions, url?: string): Promise<Page>;
  signIn(page: Page, person?: Person): Promise<void>;
  openSignedIn(options?: BrowserContextOptions, subject?: string): Promise<Page>;
  /** An order whose payment is not understood once: it waits for a person. */
  parkedOrder(times?: number): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a system and a browser. */
export async function startConsole(): Promise<ConsoleUnderTest> {
  const faults = createFaults();
  const system = await startTestSystem({ wrapActivities: faults.wrap });
  const browser = await launchBrowser();
  const openPage = (options: BrowserContextOptions = {}, url = system.url): Promise<Page> =>
    openWatchedPage(browser, options, url);
  async function signIn(page: Page, { subject, scopes }: Person = {}): Promise<void> {
    await page.getByLabel('Token').fill(await system.token('demo', scopes, subject));
    await page.keyboard.press('Enter');
  }
  return {
    system,
    faults,
    openPage,
    signIn,
    openSignedIn: async (options = {}, subject) => {
      const page = await openPage(options);
      await signIn(page, subject === undefined ? {} : { subject });
      await expectShown(page.getByRole('heading', { name: 'Overview' }));
      return page;
    },
    parkedOrder: async (times = 1) => {
      const { key, orderId } = plannedOrder();
      faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so'), times));
      await system.postOrder({ body: { reference: `cart-${orderId.slice(-6)}` } }, key);
      await openCaseOf(system, orderId);
      return orderId;
    },
    stop: async () => {
      await browser.close();
      await system.stop();
    },
  };
}

const PATIENCE_MS = 90_000;

async function openWatchedPage(browser: Browser, options: BrowserContextOptions, url: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1_100, height: 800 }, ...options });
  // A little less than a test has, so that a test that fails tells what it waited for.
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // The browser itself writes a line for every answer that is no success; some tests want such answers.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
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

/** Expects that something can be seen soon; the page may draw it again a moment later. */
export async function expectShown(what: Locator): Promise<void> {
  await expect(what.waitFor({ state: 'visible' })).resolves.toBeUndefined();
}

/** Follows a link within the console. */
export async function goTo(page: Page, hash: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
}

/** Presses Tab until what is focused has the name; a person without a mouse would do the same. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<string>('document.activeElement?.textContent ?? ""');
    if (name.test(focused)) return;
  }
  throw new Error(`no way by keyboard to ${String(name)}`);
}
