import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCaseOf, untilStatus } from '../support/faults/order-actions.ts';
import { startAnswerLosingProxy, type AnswerLosingProxy } from '../support/http/answer-losing-proxy.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { startOrdersCommand, type OrdersCommand, type Run } from '../support/processes/orders-command.ts';
import type { TestSystem } from '../support/system.ts';

let cli: OrdersCommand;
let system: TestSystem;
let proxy: AnswerLosingProxy;
beforeAll(async () => {
  cli = await startOrdersCommand();
  ({ system } = cli);
  proxy = await startAnswerLosingProxy(system.url);
});
afterAll(async () => {
  await proxy.stop();
  await cli.stop();
});

async function read(path: string): Promise<unknown> {
  return (await system.request(path)).body;
}

async function soldWithReference(): Promise<string> {
  const orderId = await cli.sold({ body: { reference: 'cart-991' } });
  await system.client.workflow.getHandle(`order/${orderId}`).result();
  return orderId;
}

it.each(['show', 'explain', 'timeline', 'receipt'])(
  '`orders %s` prints what the API says, as JSON or laid out',
  async (name) => {
    const orderId = await soldWithReference();
    const path = `/v1/orders/${orderId}${name === 'show' ? '' : `/${name}`}`;
    expect(await cli.answerOf(name, orderId)).toEqual(await read(path));
    const { code, output, errors } = await cli.run([name, orderId]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain(name === 'timeline' ? '-> CONFIRMED' : orderId);
    expect(output).not.toContain('\u001B');
  },
);

it('`orders list` filters and pages', async () => {
  const orderId = await soldWithReference();
  expect(await cli.answerOf('list', '--reference', 'cart-991')).toEqual(await read('/v1/orders?reference=cart-991'));
  await cli.sold();
  const first = await cli.answerOf<{ items: unknown[]; nextCursor: string }>(
    'list',
    '--customer',
    'cust_42',
    '--limit',
    '1',
  );
  expect(first.items).toHaveLength(1);
  const next = await cli.run(['list', '--status', 'CONFIRMED', '--limit', '1', '--cursor', first.nextCursor]);
  expect(next.output).toMatch(
    new RegExp(`^${orderId} +CONFIRMED +\\d+\\.\\d\\d EUR +CAPTURED +cust_42 +cart-991 `, 'm'),
  );
  expect((await cli.run(['list', '--limit', '1'])).output).toContain('There are more: --cursor ');
  expect((await cli.run(['list', '--reference', 'no such'])).output).toBe('There are none.\n');
});

const namesSystem = (): string =>
  `system: API ${system.url}, Temporal 127.0.0.1:7233 (namespace default), database not set\n`;

it('The process answers on its output, reports errors on the error stream, and ends with the exit code', async () => {
  expect(await cli.runAlone(['list', '--reference', 'no such'])).toEqual({
    code: 0,
    output: 'There are none.\n',
    errors: namesSystem(),
  });
  const failed = await cli.runAlone(['show', 'ord_aaaaaaaaaaaaaaaaaaaaaaaaaa']);
  expect(failed).toEqual({ code: 1, output: '', errors: `${namesSystem()}not_found: there is no such order\n` });
  expect(await cli.runAlone(['show'])).toMatchObject({ code: 2, output: '' });
});

it('`orders cancel` answers what will happen, and the same again under the same key', async () => {
  const orderId = await cli.sold();
  const key = randomUUID();
  const args = ['cancel', orderId, '--reason', 'ordered twice', '--key', key] as const;
  const first = await cli.run(args);
  expect(first).toMatchObject({ code: 0, errors: '' });
  expect(first.output).toMatch(/^decision +will_refund$/m);
  expect(first.output).toMatch(new RegExp(`^key +${key}$`, 'm'));
  await untilStatus(system, orderId, 'CANCELLED');
  expect(await cli.answerOf(...args)).toMatchObject({ decision: 'will_refund', order: { status: 'CANCELLED' } });
  expect(await cli.run(['cancel', orderId])).toEqual({
    code: 1,
    output: '',
    errors: 'too_late: the order does not allow this any more\n',
  });
});

it('`orders refund` pays back a part, then the rest', async () => {
  const orderId = await cli.sold();
  expect(await cli.answerOf('refund', orderId, '--amount', '1', '--reason', 'scratched')).toMatchObject({
    decision: 'accepted',
  });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  expect((await cli.run(['refund', orderId])).output).toMatch(/^decision +accepted$/m);
  await untilStatus(system, orderId, 'REFUNDED');
});

it('`orders capture` takes a part, then the rest', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  expect(await cli.answerOf('capture', orderId, '--amount', '1')).toMatchObject({ decision: 'accepted' });
  await untilStatus(system, orderId, 'CONFIRMED');
  expect((await cli.run(['capture', orderId])).output).toMatch(/^decision +accepted$/m);
});

interface Case {
  readonly id: string;
  readonly orderId: string;
  readonly version: number;
}

it('The commands `cases`, `case` and `resolve` lead from the list to the end of a case', async () => {
  const orderId = await cli.parked('other');
  const filters = ['--state', 'open', '--step', 'take-payment', '--error', 'unclassified'];
  const { items } = await cli.answerOf<{ items: Case[] }>('cases', ...filters);
  expect(items).toMatchObject([{ orderId }]);
  const id = items[0]?.id ?? '';
  expect((await cli.run(['cases', '--fingerprint', 'take-payment/unclassified'])).output).toContain(id);
  expect(await cli.answerOf('case', id)).toEqual(await read(`/v1/cases/${id}`));
  expect((await cli.run(['case', id])).output).toMatch(/^actions +retry retryWith abort$/m);

  const stale = await cli.run(['resolve', id, '--action', 'retry', '--reason', 'test', '--version', '99']);
  expect(stale).toMatchObject({ code: 1, output: '' });
  expect(stale.errors).toMatch(/^case_stale: /);
  const refused = await cli.run(['resolve', id, '--action', 'skip', '--reason', 'test']);
  expect(refused.errors).toMatch(/^action_not_allowed: /);

  const resolved = await cli.run(['resolve', id, '--action', 'retryWith', '--method', 'pm_ok', '--reason', 'new card']);
  expect(resolved.output).toMatch(/^outcome +carried_out$/m);
  await untilStatus(system, orderId, 'CONFIRMED');
});

it('`orders resolve` by evidence needs a second person', async () => {
  const orderId = await cli.sold({ method: 'pm_refund_fails' });
  await cli.run(['refund', orderId]);
  const { id } = await openCaseOf(system, orderId);
  const args = ['resolve', id, '--action', 'forceResolve', '--evidence', 'bank-7', '--reason', 'card closed'];
  expect(await cli.answerOf(...args)).toMatchObject({ outcome: 'awaiting_second_approver' });
  expect((await cli.run(args)).errors).toMatch(/^second_approver_required: /);
  const token = await system.token('demo', undefined, 'bob');
  expect(await cli.run([...args, '--token', token])).toMatchObject({ code: 0 });
  await untilStatus(system, orderId, 'REFUNDED');
});

it('`orders redrive` tries all orders of a cause, and --watch follows it to the end', async () => {
  const orderIds = [await cli.parked(), await cli.parked(), await cli.parked()];
  const options = ['--canary', '1', '--max-per-second', '50', '--reason', 'gateway is back', '--watch'];
  const { code, output, errors } = await cli.run(['redrive', 'take-payment/payment_contract', ...options, '--json']);
  expect(JSON.parse(output)).toMatchObject({ state: 'done', tried: 3, resolved: 3, failedAgain: 0 });
  expect(code).toBe(0);
  expect(errors).toContain('done: 3 tried, 3 resolved, 0 failed again');
  for (const orderId of orderIds) await untilStatus(system, orderId, 'CONFIRMED');
  expect((await cli.run(['redrive', 'take-payment/no-such'])).output).toMatch(/^redrive +red_/m);
});

it.each([
  ['an order that is not there', ['show', 'ord_aaaaaaaaaaaaaaaaaaaaaaaaaa'], 'not_found: there is no such order\n'],
  ['an id that is none', ['explain', '../cases'], 'not_found: there is no such order\n'],
  ['a filter that is refused', ['list', '--status', 'SOLD'], 'validation_failed: '],
  ['a token that is none', ['list', '--token', 'nonsense'], 'unauthorized: '],
])('A mistake is told by the code and the detail of the API, with exit code 1: %s', async (_, args, message) => {
  const { code, output, errors } = await cli.run(args);
  expect({ code, output }).toEqual({ code: 1, output: '' });
  expect(errors.startsWith(message), errors).toBe(true);
});

it.each([
  ['no command', [], 'which command?'],
  ['an unknown command', ['constructor'], 'there is no command "constructor"'],
  ['no id', ['show'], 'show needs ID'],
  ['an argument too many', ['show', 'ord_1', 'ord_2'], 'show takes one argument, not also "ord_2"'],
  ['an argument for nothing', ['list', 'ord_1'], 'list takes no argument, not "ord_1"'],
  ['an unknown option', ['list', '--fast'], "Unknown option '--fast'"],
  ["another command's option", ['show', 'ord_1', '--reason', 'x'], 'show does not know --reason'],
  ['a half option', ['list', '--limit'], "Option '--limit <value>' argument missing"],
  ['an amount that is none', ['refund', 'ord_1', '--amount', '10.00'], '--amount: "10.00" is not a whole number'],
  ['an action that is none', ['resolve', 'case_1', '--action', 'x', '--reason', 'x'], 'there is no action "x"'],
  ['no reason', ['resolve', 'case_1', '--action', 'retry'], '--reason is required'],
  ['no method', ['resolve', 'case_1', '--action', 'retryWith', '--reason', 'x'], '--method is required'],
  ['no evidence', ['resolve', 'case_1', '--action', 'forceResolve', '--reason', 'x'], '--evidence is required'],
])('A mistake is told with the usage, with exit code 2: %s', async (_, args, message) => {
  const { code, output, errors } = await cli.run(args);
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors.startsWith(message), errors).toBe(true);
  expect(errors).toContain('npm run orders -- COMMAND');
});

it('The call for help is no mistake', async () => {
  const { code, output, errors } = await cli.run(['--help']);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(output).toContain('repair [--dry-run] [--yes]');
});

it('An API that does not answer is named, with the key that repeats a command safely', async () => {
  const url = `http://127.0.0.1:${await findFreePort()}`;
  expect(await cli.run(['list'], { API_URL: url })).toEqual({
    code: 1,
    output: '',
    errors: `the API does not answer at ${url} (ECONNREFUSED); API_URL says where it is\n`,
  });
  const { code, errors } = await cli.run(['cancel', 'ord_1', '--key', 'my-own-key'], { API_URL: url });
  expect(code).toBe(1);
  expect(errors).toContain('to repeat it safely add --key my-own-key');
  expect(errors).toContain('not known whether this was done');
  expect(await cli.run(['list'], { API_URL: 'nowhere' })).toMatchObject({ code: 2, output: '' });
});

it('The command line asks the API whose address the other programs take', async () => {
  const { port } = new URL(system.url);
  const run = await cli.run(['list', '--reference', 'no such'], { API_URL: '', API_PORT: port });
  expect(run).toMatchObject({ code: 0, output: 'There are none.\n' });
});

it('The token comes from the option, the variable or the file of `npm start`', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-cli-'));
  const other = { ORDERS_TOKEN: '', DATA_DIR: folder };
  expect(await cli.run(['list'], other)).toMatchObject({ code: 2, output: '' });
  await writeFile(join(folder, 'dev-token'), `${await system.token('acme')}\n`);
  expect(await cli.run(['list'], other)).toEqual({ code: 0, output: 'There are none.\n', errors: '' });
  expect((await cli.run(['list', '--token', await system.token()], other)).output).toContain('ord_');
  await rm(folder, { recursive: true });
});

async function refund(orderId: string, amount: string, ...more: string[]): Promise<Run> {
  return cli.run(['refund', orderId, '--amount', amount, '--reason', 'broken', ...more], { API_URL: proxy.url });
}

async function refunded(orderId: string): Promise<number> {
  const { payment } = await cli.answerOf<{ payment: { refundedMinor: number } }>('show', orderId);
  return payment.refundedMinor;
}

it('A command whose answer was lost is sent under the same key when it is given again, and done once', async () => {
  const orderId = await cli.sold();
  proxy.losesAnswers(true);
  const first = await refund(orderId, '100');
  expect(first).toMatchObject({ code: 1, output: '' });
  expect(first.errors).toContain('It is not known whether this was done');
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  expect(await refund(orderId, '100')).toMatchObject({ code: 1 });
  proxy.losesAnswers(false);
  const again = await refund(orderId, '100');
  expect(again.errors).toMatch(/^This command of .* had no answer: asked again under its key/);
  expect(again).toMatchObject({ code: 0 });
  expect(await refunded(orderId)).toBe(100);
  expect(new Set(proxy.keys(orderId)).size).toBe(1);

  // Its answer is known: the same words are another wish.
  expect(await refund(orderId, '100')).toMatchObject({ code: 0, errors: '' });
  await expect.poll(() => refunded(orderId)).toBe(200);
});

it('A command whose answer was lost blocks another one about the same thing until that has a key of its own', async () => {
  const orderId = await cli.sold();
  proxy.losesAnswers(true);
  await refund(orderId, '100');
  proxy.losesAnswers(false);
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  const other = await refund(orderId, '200');
  expect(other).toMatchObject({ code: 1, output: '' });
  expect(other.errors).toContain(`\`refund ${orderId} --amount "100" --reason "broken"\``);
  expect(await refunded(orderId)).toBe(100);
  const [, key = ''] = /--key (\S+)/.exec(other.errors) ?? [];
  expect(await refund(orderId, '200', '--key', key)).toMatchObject({ code: 0 });
  await expect.poll(() => refunded(orderId)).toBe(300);
});
