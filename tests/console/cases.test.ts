import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { proveEnd } from '../support/faults/evidence.ts';
import { giveCommand, openCaseOf, resolveCase, untilStatus } from '../support/faults/order-actions.ts';
import { hasBrowser } from '../support/http/browser.ts';
import type { TestSystem } from '../support/system.ts';
import { expectShown, goTo, tabTo, startConsole, type ConsoleUnderTest } from './console-pages.ts';

let pages: ConsoleUnderTest;
let system: TestSystem;
beforeAll(async () => {
  if (!hasBrowser) return;
  pages = await startConsole();
  ({ system } = pages);
});
afterAll(() => pages?.stop());

it.skipIf(!hasBrowser)('A parked order is found from the first screen and resolved by keyboard alone', async () => {
  const orderId = await pages.parkedOrder();
  const page = await pages.openSignedIn();
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

it.skipIf(!hasBrowser)('A parked order can be paid by another method', async () => {
  const orderId = await pages.parkedOrder();
  const { id } = await openCaseOf(system, orderId);
  const page = await pages.openSignedIn();
  await goTo(page, `#/cases/${id}`);
  await page.getByRole('button', { name: 'Try with another payment method' }).click();
  await page.getByLabel('Payment method', { exact: true }).fill('pm_ok');
  await page.getByLabel('Reason', { exact: true }).fill('the customer sent another card');
  await page.keyboard.press('Enter');
  await expectShown(page.getByText('The order is ✓ CONFIRMED.'));
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger.map(({ key }) => key)).toEqual([`${orderId}:void:1`, `${orderId}:sale:2`]);
});

it.skipIf(!hasBrowser)(
  'A parked order that somebody else decided meanwhile is loaded again, and nothing is done twice',
  async () => {
    const orderId = await pages.parkedOrder();
    const { id } = await openCaseOf(system, orderId);
    const page = await pages.openSignedIn();
    await goTo(page, `#/cases/${id}`);
    await page.getByRole('button', { name: 'Give the order up' }).click();
    await page.getByLabel('Reason', { exact: true }).fill('too late');
    await resolveCase(system, orderId, { action: 'retry' });
    await page.keyboard.press('Enter');
    await expectShown(page.locator('#case-message').getByText('Somebody else was faster'));
    await expectShown(page.getByText('The order is ✓ CONFIRMED.'));
    await proveEnd(system, orderId, 'CONFIRMED');
  },
);

it.skipIf(!hasBrowser)('A parked order that fails again says so', async () => {
  const orderId = await pages.parkedOrder(100);
  const { id } = await openCaseOf(system, orderId);
  const page = await pages.openSignedIn();
  await goTo(page, `#/cases/${id}`);
  await page.getByRole('button', { name: /^Try again/ }).click();
  await page.getByLabel('Reason', { exact: true }).fill('let us see');
  await page.keyboard.press('Enter');
  await expectShown(page.locator('#case-message').getByText('tried and failed again'));
  await resolveCase(system, orderId, { action: 'abort' });
  await untilStatus(system, orderId, 'REJECTED');
});

it.skipIf(!hasBrowser)('A parked order is settled by proof by two people, not by one', async () => {
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
  const ada = await pages.openSignedIn({}, 'ada');
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
  const bob = await pages.openSignedIn({}, 'bob');
  await goTo(bob, `#/cases/${id}`);
  await expectShown(bob.getByText('ada proposed to settle this'));
  await settle(bob, /^Approve the proof/, 'bank-8');
  await expectShown(bob.getByText('The order is ↩ REFUNDED.'));
  await untilStatus(system, orderId, 'REFUNDED');
});

it.skipIf(!hasBrowser)('A parked order is one of many of a cause that are tried again together', async () => {
  const orderIds = await Promise.all([pages.parkedOrder(), pages.parkedOrder(), pages.parkedOrder()]);
  const page = await pages.openSignedIn();
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
