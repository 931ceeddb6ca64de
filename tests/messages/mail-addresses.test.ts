import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

const customerWith = (email: string) => ({ customer: { id: 'cust_42', email } });

it.each([
  ['with every sign that ASCII allows', "!#$%&'*+-/=?^_`{|}~@example.com"],
  ['of an internationalized domain', 'ada@müller.de'],
  ['of a domain in its ASCII form', 'ada@xn--e1afmkfd.xn--p1ai', 'ada@пример.рф'],
  ['with a name in UTF-8', 'jörg@example.com'],
  ['with name and domain in another script', '用户@例子.广告'],
  ['that is written from right to left', 'אדה@דוגמה.com'],
  ['of the greatest length', `${'ü'.repeat(32)}@example.com`],
])('The confirmation of an order reaches an address %s', async (_, email, shown = email) => {
  const orderId = await system.postOrder({ body: customerWith(email) });
  await expect.poll(() => system.mails(orderId)).toMatchObject([{ to: shown }]);
});

it.each([
  'ada',
  'ada@localhost',
  'a..b@example.com',
  'ada@b@example.com',
  'ada@exa mple.com',
  'ada@example.com\r\nX: y',
])('An order with %j for an address is refused', async (email) => {
  const answer = await system.request('/v1/orders', {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify(orderBody({ body: customerWith(email) })),
  });
  expect(pointersOf(expectProblem(answer, 'validation_failed'))).toEqual(['/customer/email']);
});
