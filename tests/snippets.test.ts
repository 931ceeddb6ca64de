import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { OrderView } from '../src/api/orders/order-schemas.ts';
import { runCommandLine } from '../src/cli/run-command-line.ts';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { startProcess, type ManagedProcess } from '../src/dev/processes/processes.ts';
import { PaymentContractError } from '../src/domain/errors.ts';
import type { LoggedEvent } from '../src/domain/event.ts';
import type { EventType } from '../src/events/event-type.ts';
import { plannedOrder } from './support/faults/evidence.ts';
import { createFaults, failBefore } from './support/faults/faults.ts';
import { findFreePort } from '../src/dev/processes/ports.ts';
import { paste, readSnippets, shapeOf, type Ended } from './support/snippets.ts';
import { openCaseOf } from './support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from './support/system.ts';
import {
  accept,
  answerWith,
  orderEvent,
  startReceiver,
  subscribe,
  type WebhookReceiver,
} from './support/http/webhook-receiver.ts';

/** Blocks that are not run here, with the reason; its end says what proves them instead. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'CONTRIBUTING.md: npm ci': 'this suite is one of these commands',
  'README.md: npm ci && npm start          # everything set up and running, a walk-through printed':
    'installs anew; tests/processes/start.test.ts runs what it installs',
  'docs/operations.md: sh ops/compose/make-env.sh > .env':
    'needs Docker; tests/deployment.test.ts reads the compose file',
  "docs/data-protection.md: npm run orders -- erase cust_42 --reason 'ticket 4711'":
    'takes a customer away; tests/cli/data-protection.test.ts erases one',
  'docs/data-protection.md: curl --fail -H "Authorization: Bearer $ORDERS_TOKEN" "$API_URL/v1/audit/actions/export?from=2026-11-01T00:00:00Z" > acts.jsonl':
    'tests/api/audit-trail.test.ts exports',
  'docs/deployment.md: sh ops/compose/make-env.sh > .env':
    'needs Docker; tests/deployment.test.ts reads the compose file',
  'docs/deployment.md: cd ops/kubernetes/overlays/production': 'needs a cluster; tests/kubernetes reads the manifests',
  'docs/deployment.md: sh ops/kubernetes/overlays/dev/make-secrets.sh | kubectl apply -f -':
    'needs a cluster; tests/kubernetes reads the manifests',
  'docs/upgrading.md: TEMPORAL_DEPLOYMENT_NAME=order-saga TEMPORAL_WORKER_BUILD_ID=2026-11-30.1 npm run start:worker':
    'a worker that does not end; tests/upgrades/worker-versioning.test.ts starts versioned workers',
  'docs/upgrading.md: npm run deployment -- status                     # the builds, and the open orders of each':
    'needs builds; tests/upgrades/worker-versioning.test.ts runs each command',
  'docs/reliability.md: npm run chaos -- --seed 1                  # 10,000 orders, 220 faults, 40 minutes':
    'takes 40 minutes; tests/chaos/chaos.test.ts runs it in small',
  "docs/webhooks.md: import { createServer } from 'node:http';": 'run by tests/receiver-snippet.test.ts',
};

const SNIPPETS = new Map(readSnippets().map(({ name, text }) => [name, text]));
const faults = createFaults();
const ran = new Set<string>();
let system: TestSystem;
let folder: string;
let receiver: WebhookReceiver;

beforeAll(async () => {
  receiver = await startReceiver();
  system = await startTestSystem({ wrapActivities: faults.wrap, events: true });
  folder = await mkdtemp(join(tmpdir(), 'order-saga-snippets-'));
  await mkdir(join(folder, '.data'));
  await writeFile(join(folder, '.data', 'dev-token'), await system.token());
  await symlink(inject('temporalCli'), join(folder, 'temporal'));
});
afterAll(async () => {
  await system.stop();
  receiver.close();
  await rm(folder, { recursive: true, force: true });
});

/** The text of a block, which from then on counts as run. */
function snippet(name: string): string {
  ran.add(name);
  const text = SNIPPETS.get(name);
  if (text === undefined) throw new Error(`no document has the block ${name}`);
  return text;
}

/** Runs a block against the system under test, with the system's address and with real ids in place of `…`. */
async function pasted(
  name: string,
  given: { ids?: Readonly<Record<string, string>>; cwd?: string } = {},
): Promise<Ended> {
  const ids = Object.entries(given.ids ?? {});
  const text = snippet(name).replaceAll(/(?:127\.0\.0\.1|localhost):8080/g, new URL(system.url).host);
  const env = {
    ...process.env,
    PATH: `${folder}:${process.env['PATH']}`,
    TOKEN: await system.token(),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: system.namespace,
  };
  const commands = ids.reduce((all, [placeholder, id]) => all.replaceAll(placeholder, id), text);
  const ended = await paste(commands, { cwd: given.cwd ?? folder, env });
  expect(ended, `${commands}\n${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 });
  return ended;
}

async function read<Body = Record<string, unknown>>(path: string): Promise<Body> {
  return (await system.request<Body>(path)).body;
}

async function parkedOrder(): Promise<string> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so')));
  await system.postOrder({}, key);
  await openCaseOf(system, orderId);
  return orderId;
}

const ORDER_ID = 'ord_xrwgpnfby53ctcsx26ons634r7';

it('README.md posts an order that ends as it is shown', async () => {
  const { stdout } = await pasted('README.md: curl -sS http://127.0.0.1:8080/v1/orders \\');
  expect(JSON.parse(stdout)).toMatchObject({ id: ORDER_ID, status: 'PENDING' });
  const shown = snippet(
    `README.md: {"id":"${ORDER_ID}","status":"CONFIRMED","reason":null,"reasonDetails":null,"attention":null,`,
  );
  const varying = {
    correlationId: '',
    createdAt: '',
    updatedAt: '',
    confirmedAt: '',
    cancelableUntil: '',
    workflow: '',
  };
  const order = await read<OrderView>(`/v1/orders/${ORDER_ID}?wait=20`);
  expect({ ...order, ...varying }).toEqual({ ...(JSON.parse(shown) as OrderView), ...varying });
  expect(shapeOf(order)).toEqual(shapeOf(JSON.parse(shown)));
});

it('README.md posts an event that is processed', async () => {
  const { stdout } = await pasted(
    'README.md: curl -sS http://127.0.0.1:8080/v1/events -H "Authorization: Bearer $(cat .data/dev-token)" \\',
  );
  const answer = JSON.parse(stdout) as { events: { id: string }[] };
  expect(answer).toMatchObject({ accepted: 1, duplicates: 0 });
  const event = (): Promise<unknown> => read(`/v1/events/${answer.events[0]?.id}`);
  await expect.poll(event).toMatchObject({ status: 'PROCESSED', processed: { category: 'high_value' } });
});

it('README.md starts an API and a worker apart', async () => {
  const lines = snippet('docs/operations.md: API_PORT=8081 INTERNAL_PORT=0 npm run start:api').trim().split('\n');
  const port = await findFreePort();
  const started = await Promise.all(
    lines.map((line, index) => startInBackground(`part ${index}`, line.replace('8081', String(port)))),
  );
  try {
    const ready = (): Promise<unknown> =>
      fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ status }) => status,
        () => null,
      );
    await expect.poll(ready).toBe(200);
    const queue = { taskQueue: { name: 'payments' }, taskQueueType: 2, namespace: system.namespace };
    const pollers = async (): Promise<number | undefined> =>
      (await system.client.workflowService.describeTaskQueue(queue)).pollers?.length;
    await expect.poll(pollers).toBe(2);
  } finally {
    for (const part of started) await part.stop([{ signal: 'SIGTERM', waitMs: 20_000 }]);
  }
});

/** The shell becomes npm, which passes a signal on; a shell that is ended would leave the program behind. */
async function startInBackground(name: string, command: string): Promise<ManagedProcess> {
  const env = { ...process.env, ...system.env };
  const args = ['-c', command.replace('npm run', 'exec npm run')];
  return startProcess({ name, command: 'sh', args, env, logFile: join(folder, `${name}.log`) });
}

it('CONTRIBUTING.md makes a migration of what has changed, which is nothing', async () => {
  const { stdout } = await pasted(
    'CONTRIBUTING.md: npx drizzle-kit generate --config db/migrations/orders/drizzle.config.ts --name what_it_does',
    { cwd: PROJECT_FOLDER },
  );
  expect(stdout).toContain('No schema changes');
});

it('docs/events.md shows an event that is accepted, and the answer to it', async () => {
  const body = snippet('docs/events.md: { "type": "purchase", "userId": "u1", "properties": { "amount": 99.99 } }');
  const answer = await system.request('/v1/events', { method: 'POST', body });
  expect(answer.status).toBe(202);
  const shown = snippet(
    'docs/events.md: { "accepted": 1, "duplicates": 0, "events": [{ "id": "...", "partition": 7, "sequence": 4711 }] }',
  );
  expect(shapeOf(answer.body)).toEqual(shapeOf(JSON.parse(shown)));
});

it('docs/events.md steers a consumer by signals', async () => {
  // The test system has four partitions.
  await pasted(
    'docs/events.md: temporal workflow signal --workflow-id event-pump/analytics/0 --name pauseConsumer     # all partitions',
    { ids: { 'analytics/7': 'analytics/3' } },
  );
  const paused = async (): Promise<unknown> =>
    (await read<{ consumers: { paused: boolean }[] }>('/v1/events/stats')).consumers.map((consumer) => consumer.paused);
  await expect.poll(paused).toEqual([false, false]);
});

it('docs/events.md adds a type of events, which refuses wrong ones', async () => {
  const source = snippet("docs/events.md: import { z } from 'zod';")
    .replace("'zod'", JSON.stringify(import.meta.resolve('zod')))
    .replace("'../event-type.ts'", JSON.stringify(import.meta.resolve('../src/events/event-type.ts')));
  const file = join(folder, 'refund.ts');
  await writeFile(file, source);
  const { refund } = (await import(/* @vite-ignore */ file)) as { refund: EventType };
  const event = (amount: unknown): LoggedEvent => orderEvent('ord_1', 'refund', { properties: { amount } });
  expect(refund.read(event(101))).toMatchObject({ category: 'large' });
  expect(refund.read(event(100))).toMatchObject({ category: 'small' });
  for (const amount of [0, -1, '5', null]) expect(() => refund.read(event(amount))).toThrow('amount');
});

/** Lines without their figures: what the reader looks for. */
function words(output: string): string[] {
  const printed = output.split('\n').filter((line) => !line.includes('Continuing without it'));
  const lines = printed.map((line) => line.replace(/:.*/, '').replaceAll(/[^a-z ]|\b(?:m?s|UTC)\b/gi, ''));
  return [...new Set(lines.map((line) => line.replaceAll(/\s+/g, ' ').trim()))].filter((line) => line !== '');
}

it.each(['produce', 'monitor'])('docs/events-tools.md shows what %s prints', async (tool) => {
  const name = [...SNIPPETS.keys()].find((candidate) => candidate.includes(`npm run --silent ${tool}`)) ?? tool;
  const [command = '', ...output] = snippet(name).split('\n');
  const seconds = command.replace('--seconds 30', '--seconds 6').replace('$ ', '');
  const ended = await paste(`${seconds} --url ${system.url} --token ${await system.token()}`, {
    cwd: PROJECT_FOLDER,
    env: { ...process.env },
  });
  expect(ended).toMatchObject({ code: 0, stderr: expect.any(String) });
  expect(words(ended.stdout + ended.stderr).toSorted()).toEqual(words(output.join('\n')).toSorted());
});

const examples = [
  ...readFileSync(join(PROJECT_FOLDER, 'docs/cli.md'), 'utf8').matchAll(/`npm run (?:--silent )?orders -- ([^`]+)`/g),
]
  .map(([, line = '']) => line)
  .filter((line) => line !== 'COMMAND');

it.each(examples)('docs/cli.md shows a command that is understood: %s', async (line) => {
  // The files that the page names lie where a person would have them.
  writeFileSync(join(folder, 'api.log'), '');
  writeFileSync(join(folder, 'erased.txt'), 'cust_nobody\n');
  const here = line
    .replace(/\b(?:api\.log|erased\.txt)\b/, (name) => join(folder, name))
    // The page's instant grows older than what Temporal keeps.
    .replace(/(?<=--closed-after )\S+/, new Date(Date.now() - 3_600_000).toISOString());
  const { stdout } = await paste(`printf '%s\\n' ${here}`, { cwd: folder, env: {} });
  const said: string[] = [];
  const code = await runCommandLine(stdout.trimEnd().split('\n'), {
    env: { ...system.env, API_URL: system.url, ORDERS_TOKEN: await system.token(), DATA_DIR: folder },
    isTable: false,
    isInteractive: false,
    print: (text) => void said.push(text),
    tell: (text) => void said.push(text),
    ask: () => Promise.resolve('y'),
  });
  // No order has the id `ord_…`; 2 would be wrong usage.
  expect(code, said.join('\n')).toBe(/(?:ord|case)_…/.test(line) ? 1 : 0);
  expect(said.join('\n')).toMatch(/(?:ord|case)_…/.test(line) ? /^not_found/ : /./);
});

it('docs/operations.md makes logins that are members of the roles', async () => {
  const block = snippet("docs/operations.md: CREATE ROLE api LOGIN PASSWORD '…' IN ROLE order_saga_api;");
  for (const statement of block.trim().split('\n')) await system.database.query(statement);
  const members = `SELECT pg_has_role('api', 'order_saga_api', 'usage') AS api,
    pg_has_role('worker', 'order_saga_worker', 'usage') AS worker`;
  expect(await system.database.query(members)).toEqual([{ api: true, worker: true }]);
});

it('docs/operations.md finds parked orders, and has them tried again one by one or all', async () => {
  const [first, second] = [await parkedOrder(), await parkedOrder()];
  const asked = pasted("docs/operations.md: temporal workflow list --query 'CaseKind IS NOT NULL'", {
    ids: { 'ord_…': first },
  });
  expect((await asked).stdout).toContain('payment_contract');
  await pasted('docs/operations.md: temporal workflow signal --workflow-id order/ord_… --name resumeOrder', {
    ids: { 'ord_…': first },
  });
  for (const id of [first, second]) {
    await expect.poll(() => read(`/v1/orders/${id}`)).toMatchObject({ status: 'CONFIRMED', attention: null });
  }
});

it('docs/operations.md does not wait for the next retry of a payment', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  const attempts = async (): Promise<number> => {
    const { raw } = await system.client.workflow.getHandle(`order/${orderId}`).describe();
    return raw.pendingActivities?.[0]?.attempt ?? 0;
  };
  await expect.poll(attempts).toBeGreaterThan(1);
  await pasted('docs/operations.md: temporal activity reset --workflow-id order/ord_… --activity-id take-payment', {
    ids: { 'ord_…': orderId },
  });
  await system.setFaults({ pmDown: false });
  await expect.poll(() => read(`/v1/orders/${orderId}`)).toMatchObject({ status: 'CONFIRMED' });
  await system.setFaults({ pmDown: true });
});

it('docs/operations.md looks at pumps and queues', async () => {
  const pump = await pasted('docs/operations.md: temporal workflow describe --workflow-id event-pump/analytics/7', {
    ids: { 'analytics/7': 'analytics/3' },
  });
  expect(pump.stdout).toContain('eventPumpWorkflow');
  const queue = await pasted('docs/operations.md: temporal task-queue describe --task-queue orders');
  expect(queue.stdout).toContain('workflow');
});

it('docs/operations.md looks at deliveries that pile up, and has them tried at once', async () => {
  const { id } = await subscribe(system, receiver.url, { events: ['order.confirmed'] });
  receiver.reply = answerWith(500);
  const orderId = await system.postOrder();
  const delivery = async (): Promise<unknown> =>
    (await read<{ items: unknown[] }>(`/v1/webhooks/${id}/deliveries`)).items[0];
  await expect.poll(delivery).toMatchObject({ state: 'RETRYING', attempts: 3 });
  const looked = await pasted(
    `docs/operations.md: temporal workflow count --query 'WorkflowType = "webhookWorkflow" AND ExecutionStatus = "Running"'`,
    { ids: { 'wh_…': id, 'ord_…': orderId } },
  );
  expect(looked.stdout).toContain(`webhook/${id}/${orderId}`);
  receiver.reply = accept;
  // The fourth attempt is 30 s away.
  await pasted(
    `docs/operations.md: temporal workflow signal --query 'WorkflowType = "webhookWorkflow"' --name webhookWake --input '"at_once"' --reason mended`,
  );
  await expect.poll(delivery).toMatchObject({ state: 'DELIVERED', attempts: 4 });
  await system.request(`/v1/webhooks/${id}`, { method: 'DELETE' });
});

it('docs/webhooks.md subscribes with the answer that it shows', async () => {
  const { stdout } = await pasted(
    'docs/webhooks.md: curl -sX POST localhost:8080/v1/webhooks -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: my-hook-1" \\',
  );
  const shown = JSON.parse(
    snippet(
      'docs/webhooks.md: { "id": "wh_…", "url": "https://shop.example.com/hooks", "events": ["order.*"], "state": "ACTIVE", "secret": "whsec_…" }',
    ),
  ) as Record<string, string>;
  const answer = JSON.parse(stdout) as Record<string, string>;
  expect(answer).toMatchObject({
    ...shown,
    id: expect.stringMatching(/^wh_/),
    secret: expect.stringMatching(/^whsec_/),
  });
  await system.request(`/v1/webhooks/${answer['id']}`, { method: 'DELETE' });
});

it('docs/webhooks.md shows what arrives', async () => {
  const [head = '', body = ''] = snippet('docs/webhooks.md: POST /hooks HTTP/1.1').split('\n\n');
  const shown = head
    .split('\n')
    .slice(1)
    .map((line) => line.split(': '));
  const { id } = await subscribe(system, receiver.url, { events: ['order.confirmed'] });
  const before = receiver.received.length;
  await system.postOrder();
  await expect.poll(() => receiver.received.length).toBe(before + 1);
  const arrived = receiver.received[before];
  const values = shown.filter(([name]) => name?.startsWith('webhook-') === false);
  expect(arrived?.headers).toMatchObject(Object.fromEntries(values));
  expect(Object.keys(arrived?.headers ?? {})).toEqual(expect.arrayContaining(shown.map(([name]) => name)));
  expect(shapeOf(JSON.parse(arrived?.body ?? ''))).toEqual(expect.arrayContaining(shapeOf(JSON.parse(body))));
  await system.request(`/v1/webhooks/${id}`, { method: 'DELETE' });
});

// Last, because the tests above say what they have run.

it('Every block of every document is run here, or says why it is not', () => {
  expect([...ran, ...Object.keys(NOT_RUN)].toSorted()).toEqual([...SNIPPETS.keys()].toSorted());
});
