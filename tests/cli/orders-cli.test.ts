import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { createAudit, type AuditOptions, type AuditReport } from '../../src/audit/audit.ts';
import type { Resealed } from '../../src/cli/reseal.ts';
import { runCommandLine } from '../../src/cli/run-command-line.ts';
import { loadConfig } from '../../src/config.ts';
import { createTextSealer } from '../../src/domain/personal-data/text-sealer.ts';
import { webhookSecretSubject } from '../../src/domain/webhook.ts';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { plannedOrder } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { startAnswerLosingProxy, type AnswerLosingProxy } from '../support/http/answer-losing-proxy.ts';
import { takeNamespace } from '../support/database/database.ts';
import { findTestPort } from '../support/ports.ts';
import { openCaseOf, untilStatus } from '../support/faults/step-ways.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';
import { subscribe } from '../support/http/webhook-receiver.ts';

const faults = createFaults();
let system: TestSystem;
let dataFolder: string;
beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'order-saga-cli-data-'));
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(async () => {
  await system.stop();
  await rm(dataFolder, { recursive: true });
});

interface Run {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** `npm run orders -- ...`, in this process; `ORDERS_TOKEN` is the demo tenant's. */
async function orders(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const lines = { output: '', errors: '' };
  const code = await runCommandLine(args, {
    env: { ...(await variables()), ...env },
    isTable: false,
    isInteractive: false,
    print: (text) => void (lines.output += `${text}\n`),
    tell: (text) => void (lines.errors += `${text}\n`),
    ask: () => Promise.reject(new Error('nobody is there')),
  });
  return { code, ...lines };
}

/** The same in a process of its own, without npm. */
async function ordersAlone(args: readonly string[]): Promise<Run> {
  const env = await variables();
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/cli/main.ts', ...args], { env }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), output, errors });
    });
  });
}

async function variables() {
  return { PATH: process.env['PATH'], API_URL: system.url, ORDERS_TOKEN: await system.token(), DATA_DIR: dataFolder };
}

/** The answer of a command that must succeed. */
async function answerOf<Body = Record<string, unknown>>(...args: string[]): Promise<Body> {
  const run = await orders([...args, '--json']);
  expect(run).toMatchObject({ code: 0, errors: '' });
  return JSON.parse(run.output) as Body;
}

async function read(path: string): Promise<unknown> {
  return (await system.request(path)).body;
}

async function sold(order: OrderOverrides = {}): Promise<string> {
  const orderId = await system.postOrder(order);
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

async function parked(code: 'payment_contract' | 'other' = 'payment_contract'): Promise<string> {
  const { key, orderId } = plannedOrder();
  const failure = code === 'other' ? new TypeError('made so') : new PaymentContractError(orderId, 'made so');
  faults.inject(orderId, 'takePayment', failBefore(failure));
  await system.postOrder({}, key);
  await openCaseOf(system, orderId);
  return orderId;
}

describe('reading orders', () => {
  let orderId: string;
  beforeAll(async () => {
    orderId = await sold({ body: { reference: 'cart-991' } });
    await system.client.workflow.getHandle(`order/${orderId}`).result();
  });

  it.each(['show', 'explain', 'timeline', 'receipt'])(
    '`orders %s` prints what the API says, as JSON or laid out',
    async (name) => {
      const path = `/v1/orders/${orderId}${name === 'show' ? '' : `/${name}`}`;
      expect(await answerOf(name, orderId)).toEqual(await read(path));
      const { code, output, errors } = await orders([name, orderId]);
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toContain(name === 'timeline' ? '-> CONFIRMED' : orderId);
      expect(output).not.toContain('\u001B');
    },
  );

  it('`orders list` filters and pages', async () => {
    expect(await answerOf('list', '--reference', 'cart-991')).toEqual(await read('/v1/orders?reference=cart-991'));
    await sold();
    const first = await answerOf<{ items: unknown[]; nextCursor: string }>(
      'list',
      '--customer',
      'cust_42',
      '--limit',
      '1',
    );
    expect(first.items).toHaveLength(1);
    const next = await orders(['list', '--status', 'CONFIRMED', '--limit', '1', '--cursor', first.nextCursor]);
    expect(next.output).toMatch(
      new RegExp(`^${orderId} +CONFIRMED +\\d+\\.\\d\\d EUR +CAPTURED +cust_42 +cart-991 `, 'm'),
    );
    expect((await orders(['list', '--limit', '1'])).output).toContain('There are more: --cursor ');
    expect((await orders(['list', '--reference', 'no such'])).output).toBe('There are none.\n');
  });
});

const namesSystem = (): string =>
  `system: API ${system.url}, Temporal 127.0.0.1:7233 (namespace default), database not set\n`;

it('The process answers on its output, reports errors on the error stream, and ends with the exit code', async () => {
  expect(await ordersAlone(['list', '--reference', 'no such'])).toEqual({
    code: 0,
    output: 'There are none.\n',
    errors: namesSystem(),
  });
  const failed = await ordersAlone(['show', 'ord_aaaaaaaaaaaaaaaaaaaaaaaaaa']);
  expect(failed).toEqual({ code: 1, output: '', errors: `${namesSystem()}not_found: there is no such order\n` });
  expect(await ordersAlone(['show'])).toMatchObject({ code: 2, output: '' });
});

it('`orders cancel` answers what will happen, and the same again under the same key', async () => {
  const orderId = await sold();
  const key = randomUUID();
  const args = ['cancel', orderId, '--reason', 'ordered twice', '--key', key] as const;
  const first = await orders(args);
  expect(first).toMatchObject({ code: 0, errors: '' });
  expect(first.output).toMatch(/^decision +will_refund$/m);
  expect(first.output).toMatch(new RegExp(`^key +${key}$`, 'm'));
  await untilStatus(system, orderId, 'CANCELLED');
  expect(await answerOf(...args)).toMatchObject({ decision: 'will_refund', order: { status: 'CANCELLED' } });
  expect(await orders(['cancel', orderId])).toEqual({
    code: 1,
    output: '',
    errors: 'too_late: the order does not allow this any more\n',
  });
});

it('`orders refund` pays back a part, then the rest', async () => {
  const orderId = await sold();
  expect(await answerOf('refund', orderId, '--amount', '1', '--reason', 'scratched')).toMatchObject({
    decision: 'accepted',
  });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  expect((await orders(['refund', orderId])).output).toMatch(/^decision +accepted$/m);
  await untilStatus(system, orderId, 'REFUNDED');
});

it('`orders capture` takes a part, then the rest', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  expect(await answerOf('capture', orderId, '--amount', '1')).toMatchObject({ decision: 'accepted' });
  await untilStatus(system, orderId, 'CONFIRMED');
  expect((await orders(['capture', orderId])).output).toMatch(/^decision +accepted$/m);
});

interface Case {
  readonly id: string;
  readonly orderId: string;
  readonly version: number;
}

it('The commands `cases`, `case` and `resolve` lead from the list to the end of a case', async () => {
  const orderId = await parked('other');
  const filters = ['--state', 'open', '--step', 'take-payment', '--error', 'unclassified'];
  const { items } = await answerOf<{ items: Case[] }>('cases', ...filters);
  expect(items).toMatchObject([{ orderId }]);
  const id = items[0]?.id ?? '';
  expect((await orders(['cases', '--fingerprint', 'take-payment/unclassified'])).output).toContain(id);
  expect(await answerOf('case', id)).toEqual(await read(`/v1/cases/${id}`));
  expect((await orders(['case', id])).output).toMatch(/^actions +retry retryWith abort$/m);

  const stale = await orders(['resolve', id, '--action', 'retry', '--reason', 'test', '--version', '99']);
  expect(stale).toMatchObject({ code: 1, output: '' });
  expect(stale.errors).toMatch(/^case_stale: /);
  const refused = await orders(['resolve', id, '--action', 'skip', '--reason', 'test']);
  expect(refused.errors).toMatch(/^action_not_allowed: /);

  const resolved = await orders(['resolve', id, '--action', 'retryWith', '--method', 'pm_ok', '--reason', 'new card']);
  expect(resolved.output).toMatch(/^outcome +carried_out$/m);
  await untilStatus(system, orderId, 'CONFIRMED');
});

it('`orders resolve` by evidence needs a second person', async () => {
  const orderId = await sold({ method: 'pm_refund_fails' });
  await orders(['refund', orderId]);
  const { id } = await openCaseOf(system, orderId);
  const args = ['resolve', id, '--action', 'forceResolve', '--evidence', 'bank-7', '--reason', 'card closed'];
  expect(await answerOf(...args)).toMatchObject({ outcome: 'awaiting_second_approver' });
  expect((await orders(args)).errors).toMatch(/^second_approver_required: /);
  const token = await system.token('demo', undefined, 'bob');
  expect(await orders([...args, '--token', token])).toMatchObject({ code: 0 });
  await untilStatus(system, orderId, 'REFUNDED');
});

it('`orders redrive` tries all orders of a cause, and --watch follows it to the end', async () => {
  const orderIds = [await parked(), await parked(), await parked()];
  const options = ['--canary', '1', '--max-per-second', '50', '--reason', 'gateway is back', '--watch'];
  const { code, output, errors } = await orders(['redrive', 'take-payment/payment_contract', ...options, '--json']);
  expect(JSON.parse(output)).toMatchObject({ state: 'done', tried: 3, resolved: 3, failedAgain: 0 });
  expect(code).toBe(0);
  expect(errors).toContain('done: 3 tried, 3 resolved, 0 failed again');
  for (const orderId of orderIds) await untilStatus(system, orderId, 'CONFIRMED');
  expect((await orders(['redrive', 'take-payment/no-such'])).output).toMatch(/^redrive +red_/m);
});

it.each([
  ['an order that is not there', ['show', 'ord_aaaaaaaaaaaaaaaaaaaaaaaaaa'], 'not_found: there is no such order\n'],
  ['an id that is none', ['explain', '../cases'], 'not_found: there is no such order\n'],
  ['a filter that is refused', ['list', '--status', 'SOLD'], 'validation_failed: '],
  ['a token that is none', ['list', '--token', 'nonsense'], 'unauthorized: '],
])('A mistake is told by the code and the detail of the API, with exit code 1: %s', async (_, args, message) => {
  const { code, output, errors } = await orders(args);
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
  const { code, output, errors } = await orders(args);
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors.startsWith(message), errors).toBe(true);
  expect(errors).toContain('npm run orders -- COMMAND');
});

it('The call for help is no mistake', async () => {
  const { code, output, errors } = await orders(['--help']);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(output).toContain('repair [--dry-run] [--yes]');
});

it('An API that does not answer is named, with the key that repeats a command safely', async () => {
  const url = `http://127.0.0.1:${await findTestPort()}`;
  expect(await orders(['list'], { API_URL: url })).toEqual({
    code: 1,
    output: '',
    errors: `the API does not answer at ${url} (ECONNREFUSED); API_URL says where it is\n`,
  });
  const { code, errors } = await orders(['cancel', 'ord_1', '--key', 'my-own-key'], { API_URL: url });
  expect(code).toBe(1);
  expect(errors).toContain('to repeat it safely add --key my-own-key');
  expect(errors).toContain('not known whether this was done');
  expect(await orders(['list'], { API_URL: 'nowhere' })).toMatchObject({ code: 2, output: '' });
});

it('The command line asks the API whose address the other programs take', async () => {
  const { port } = new URL(system.url);
  const run = await orders(['list', '--reference', 'no such'], { API_URL: '', API_PORT: port });
  expect(run).toMatchObject({ code: 0, output: 'There are none.\n' });
});

it('The token comes from the option, the variable or the file of `npm start`', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-cli-'));
  const other = { ORDERS_TOKEN: '', DATA_DIR: folder };
  expect(await orders(['list'], other)).toMatchObject({ code: 2, output: '' });
  await writeFile(join(folder, 'dev-token'), `${await system.token('acme')}\n`);
  expect(await orders(['list'], other)).toEqual({ code: 0, output: 'There are none.\n', errors: '' });
  expect((await orders(['list', '--token', await system.token()], other)).output).toContain('ord_');
  await rm(folder, { recursive: true });
});

describe('a command whose answer is lost', () => {
  let proxy: AnswerLosingProxy;
  beforeAll(async () => {
    proxy = await startAnswerLosingProxy(system.url);
  });
  afterAll(() => proxy.stop());

  async function refund(orderId: string, amount: string, ...more: string[]): Promise<Run> {
    return orders(['refund', orderId, '--amount', amount, '--reason', 'broken', ...more], { API_URL: proxy.url });
  }

  async function refunded(orderId: string): Promise<number> {
    const { payment } = await answerOf<{ payment: { refundedMinor: number } }>('show', orderId);
    return payment.refundedMinor;
  }

  it('A command whose answer was lost is sent under the same key when it is given again, and done once', async () => {
    const orderId = await sold();
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

    // The answer is known, so the same words are a new command.
    expect(await refund(orderId, '100')).toMatchObject({ code: 0, errors: '' });
    await expect.poll(() => refunded(orderId)).toBe(200);
  });

  it('A command whose answer was lost blocks another one about the same thing until that has a key of its own', async () => {
    const orderId = await sold();
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
});

it('`orders policies` shows how steps and events are retried under the settings', async () => {
  const set = {
    ...system.env,
    STEP_BUDGET_SECONDS: 'take-payment=900',
    STEP_MAX_ATTEMPTS: 'hold-stock=20',
    EVENT_MAX_ATTEMPTS: 'webhooks=3',
  };
  const { code, output } = await orders(['policies', '--json'], set);
  expect(code).toBe(0);
  const { steps, events } = JSON.parse(output) as Record<'steps' | 'events', Record<string, unknown>[]>;
  expect(steps).toContainEqual({
    step: 'take-payment',
    localTrySeconds: 2,
    attemptSeconds: 5,
    waitsSeconds: [1, 5, 30, 120, 600],
    budgetSeconds: 900,
    maxAttempts: null,
    whenSpent: 'park',
  });
  expect(steps).toContainEqual(expect.objectContaining({ step: 'hold-stock', budgetSeconds: 600, maxAttempts: 20 }));
  expect(events).toContainEqual({
    name: 'webhooks/order',
    maxAttempts: 3,
    firstWaitSeconds: 1,
    longestWaitSeconds: 600,
    waitsSeconds: 3,
  });
  const { output: text } = await orders(['policies'], set);
  expect(text).toMatch(/^take-payment +2 s +5 s +1 to 600 s +900 s +- +park$/m);
  expect(text).toMatch(/^webhooks\/order +3 +1 s +600 s +3 s$/m);
});

it('`orders audit` is the audit of `npm run audit`', async () => {
  const { code, output } = await orders(['audit', '--json'], system.env);
  expect(JSON.parse(output)).toMatchObject({ clean: true });
  expect(code).toBe(0);
  expect((await orders(['audit'], system.env)).output).toMatch(/^clean: \d+ orders/m);
});

it('`orders audit` says when it could not look, with exit code 2', async () => {
  const address = `http://127.0.0.1:${await findTestPort()}`;
  const { code, output, errors } = await orders(['audit'], { ...system.env, PAYMENT_GATEWAY_URL: address });
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors).toContain(`the payment ledger at ${address} cannot be read`);
});

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

it('`orders reseal` seals the secrets of webhooks with the newest key, once, and names those that it cannot open', async () => {
  const { CONTACT_KEYS: old = '' } = system.env;
  const { id, secret } = await subscribe(system, 'http://127.0.0.1:9/hook');
  const newest = key('newest');
  const reseal = async (keys: string) => {
    const { code, output } = await orders(['reseal', '--json'], { ...system.env, CONTACT_KEYS: keys });
    return { code, ...(JSON.parse(output) as Resealed) };
  };
  const lost = { subscriptionId: id, keyId: 'test' };
  expect(await reseal(newest)).toEqual({ code: 1, keyId: 'newest', resealed: 0, unreadable: [lost] });
  expect(await reseal(`${newest},${old}`)).toEqual({ code: 0, keyId: 'newest', resealed: 1, unreadable: [] });
  expect(await reseal(`${newest},${old}`)).toEqual({ code: 0, keyId: 'newest', resealed: 0, unreadable: [] });

  const subscriptions = createWebhookSubscriptionRepository(system.database.databases.notifications);
  const sealed = (await subscriptions.findOptional('demo', id))?.sealedSecret ?? { keyId: '', box: '' };
  const sealer = createTextSealer(loadConfig({ ...system.env, CONTACT_KEYS: newest }).contactKeys);
  expect(sealer.open(webhookSecretSubject(id), sealed)).toBe(secret);
});

interface Found {
  readonly orderId: string;
  readonly status: string;
  readonly openCases: string[];
  readonly repair: { kind: string; commandId: string } | null;
}
interface Repaired {
  readonly repaired: { orderId: string; outcome: string }[];
  readonly started: number;
  readonly settled: number;
  readonly parked: number;
}

const repair = <Body>(...args: string[]): Promise<Body> =>
  orders(['repair', '--json', ...args], system.env).then(({ code, output, errors }) => {
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    return JSON.parse(output) as Body;
  });

/** As the Web UI does it. */
const terminate = (workflowId: string): Promise<unknown> =>
  system.client.workflow.getHandle(workflowId).terminate('by a test');

const terminateCarrier = async (orderId: string): Promise<void> => {
  const { id } = await openCaseOf(system, orderId);
  const { body } = await system.request<{ workflow: { id: string } }>(`/v1/cases/${id}`);
  await terminate(body.workflow.id);
};

/** Parks the first calls of a step. */
const poison = (
  orderId: string,
  step: 'commitStock' | 'releaseStock' | 'capturePayment' | 'settleOrder',
  times = 1,
): void => faults.inject(orderId, step, failBefore(new TypeError('made so by a test'), times));

/** Parked before the payment, parked after it, awaiting its capture: each with its workflow terminated. */
async function withoutWorkflow(): Promise<{ unpaid: string; paid: string; authorized: string }> {
  const unpaid = await parked();
  await terminateCarrier(unpaid);
  const { key, orderId: paid } = plannedOrder();
  poison(paid, 'commitStock');
  await system.postOrder({}, key);
  await terminateCarrier(paid);
  const authorized = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, authorized, 'AWAITING_CAPTURE');
  await terminate(`order/${authorized}`);
  return { unpaid, paid, authorized };
}

/**
 * A cancel, a refund that is refused, one that is paid but not written, and a further capture: all promised, each
 * with its settle workflow terminated.
 */
async function withoutSettle() {
  const cancelling = await sold();
  poison(cancelling, 'releaseStock');
  await answerOf('cancel', cancelling);
  await terminateCarrier(cancelling);
  const refunding = await sold({ method: 'pm_refund_fails' });
  await answerOf('refund', refunding, '--amount', '1');
  await terminateCarrier(refunding);
  const refunded = await sold();
  poison(refunded, 'settleOrder');
  await answerOf('refund', refunded);
  await terminateCarrier(refunded);
  const capturing = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, capturing, 'AWAITING_CAPTURE');
  await answerOf('capture', capturing, '--amount', '1');
  await untilStatus(system, capturing, 'CONFIRMED');
  poison(capturing, 'capturePayment', 2);
  await answerOf('capture', capturing);
  await terminateCarrier(capturing);
  return { cancelling, refunding, refunded, capturing };
}

it('`orders repair` finds nothing while every order is carried, also when it is parked', async () => {
  await parked();
  expect(await repair('--dry-run')).toEqual({ found: [] });
  expect((await orders(['repair', '--yes'], system.env)).output).toBe(
    'Nothing is left behind: every order is carried.\n',
  );
});

it('`orders repair` brings everything that a terminate has left behind to its end', async () => {
  const { unpaid, paid, authorized } = await withoutWorkflow();
  const { cancelling, refunding, refunded, capturing } = await withoutSettle();
  const all = [unpaid, paid, authorized, cancelling, refunding, refunded, capturing];

  const broken = new Set((await audit({ patienceMs: 1_500 })).violations.map(({ subject }) => subject));
  expect([...broken].toSorted()).toEqual(all.toSorted());

  const { found } = await repair<{ found: Found[] }>('--dry-run');
  expect(new Map(found.map((each) => [each.orderId, [each.status, each.openCases, each.repair?.kind]]))).toEqual(
    new Map([
      [unpaid, ['PENDING', ['take-payment'], 'repair']],
      [paid, ['PENDING', ['commit-stock'], 'repair']],
      [authorized, ['AWAITING_CAPTURE', [], 'repair']],
      [cancelling, ['CANCELLING', ['release-stock'], 'cancel']],
      [refunding, ['REFUNDING', ['refund-payment'], 'refund']],
      [refunded, ['REFUNDING', ['settle-order'], 'refund']],
      [capturing, ['CONFIRMED', ['capture-payment'], 'capture']],
    ]),
  );
  const unattended = await orders(['repair'], system.env);
  expect(unattended).toMatchObject({ code: 2, output: '' });
  expect(unattended.errors).toMatch(/^repair without a terminal needs --yes/);
  expect(await actionsOf(all)).toEqual([]);

  const { code, output, errors } = await orders(['repair', '--yes', '--actor', 'ada'], system.env);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(output).toMatch(
    new RegExp(
      `^${authorized} +demo +AWAITING_CAPTURE +workflow TERMINATED +give everything back and cancel +started$`,
      'm',
    ),
  );
  expect(output).toMatch(/^6 of 7 settled; 1 parked again: npm run orders -- cases --state open$/m);
  expect(await actionsOf(all)).toEqual(all.toSorted().map((orderId) => ({ orderId, actor: 'ada' })));

  await approve(refunding);
  await untilStatus(system, refunding, 'PARTIALLY_REFUNDED');
  await untilStatus(system, refunded, 'REFUNDED');
  for (const orderId of [unpaid, paid, authorized, cancelling]) await untilStatus(system, orderId, 'CANCELLED');
  const captured = await answerOf<{ totalMinor: number; payment: { capturedMinor: number } }>('show', capturing);
  expect(captured.payment.capturedMinor).toBe(captured.totalMinor);
  expect(await repair('--dry-run')).toEqual({ found: [] });
  await expectCleanAudit();
}, 120_000);

it('`orders repair` refuses where no worker would carry on, or where the orders have never run', async () => {
  const orderId = await parked();
  await terminateCarrier(orderId);
  const elsewhere = await startTestSystem();
  const unpolled = await takeNamespace();
  const refused = async (namespace: string): Promise<string> => {
    const run = await orders(['repair', '--yes'], { ...system.env, TEMPORAL_NAMESPACE: namespace });
    expect(run).toMatchObject({ code: 1, output: '' });
    return run.errors;
  };
  expect(await refused(unpolled)).toContain(`no worker polls the task queue orders in namespace ${unpolled}`);
  expect(await refused(elsewhere.namespace)).toMatch(/^namespace \S+ has never seen ord_/);
  await elsewhere.stop();
  expect(await openCaseOf(system, orderId)).toMatchObject({ orderId });
  expect(await actionsOf([orderId])).toEqual([]);
  expect(await repair<Repaired>('--yes')).toMatchObject({ settled: 1 });
}, 120_000);

it('A repair goes on when its own workflow is terminated', async () => {
  const { key, orderId } = plannedOrder();
  poison(orderId, 'commitStock');
  poison(orderId, 'releaseStock');
  await system.postOrder({}, key);
  await terminateCarrier(orderId);
  expect(await repair<Repaired>('--yes')).toMatchObject({ started: 1, settled: 0, parked: 1 });
  await terminate(`settle/${orderId}/cmd_repair_${orderId}`);
  expect(await repair<Repaired>('--yes')).toMatchObject({ started: 1, settled: 1, parked: 0 });
  await untilStatus(system, orderId, 'CANCELLED');
  const { items } = await answerOf<{ items: object[] }>('timeline', orderId);
  expect(items).toContainEqual(expect.objectContaining({ type: 'order.repair', source: 'operator' }));
  await expectCleanAudit();
}, 120_000);

async function approve(orderId: string): Promise<void> {
  for (const person of ['ada', 'bob']) {
    const { id } = await openCaseOf(system, orderId);
    const token = await system.token('demo', undefined, person);
    const decision = ['--action', 'forceResolve', '--evidence', 'bank-8', '--reason', 'card closed'];
    expect(await orders(['resolve', id, ...decision, '--token', token])).toMatchObject({ code: 0 });
  }
}

function actionsOf(orderIds: readonly string[]): Promise<{ orderId: string; actor: string }[]> {
  return system.database.query(
    `SELECT order_id AS "orderId", actor FROM audit.operator_actions
       WHERE action = 'order.repair' AND order_id = ANY ($1) ORDER BY order_id`,
    [orderIds],
  );
}

function audit(options: AuditOptions = {}): Promise<AuditReport> {
  const { database, client, simulatorUrl: paymentGatewayUrl } = system;
  return createAudit({ databases: database.databases, client, paymentGatewayUrl }, options).run();
}

async function expectCleanAudit(): Promise<void> {
  expect((await audit()).violations).toEqual([]);
}
