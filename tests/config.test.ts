import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { allAt } from '../db/client.ts';
import { loadConfig, loadDatabaseConfig, VARIABLE_NAMES } from '../src/config.ts';
import { KEY, problemsOf, REQUIRED } from './support/settings.ts';
import { createTestAuthority } from './support/tls/test-authority.ts';

interface ExampleLine {
  readonly name: string;
  readonly value: string;
  readonly isOptional: boolean;
}

/** Variables of one section of `.env.example`; every one has a comment in the lines above it. */
async function exampleSection(index: number): Promise<ExampleLine[]> {
  const text = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
  const section = text.split(/^### /m)[index] ?? '';
  return [...section.matchAll(/^(# )?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, mark, name = '', value = '']) => ({
    name,
    value,
    isOptional: mark !== undefined,
  }));
}

it('.env.example names exactly the variables that the programs read, in their order', async () => {
  expect((await exampleSection(1)).map(({ name }) => name)).toEqual(VARIABLE_NAMES);
});

it('.env.example shows the defaults', async () => {
  const lines = await exampleSection(1);
  const shown = Object.fromEntries(
    lines.filter(({ isOptional }) => !isOptional).map(({ name, value }) => [name, value]),
  );
  expect(loadConfig({ ...shown, ...REQUIRED })).toEqual(loadConfig(REQUIRED));
  expect(lines.filter(({ value }) => value === '').map(({ name }) => name)).toEqual(Object.keys(REQUIRED));
});

it('.env.example shows values for optional variables that would be accepted', async () => {
  const optional = (await exampleSection(1)).filter(({ isOptional }) => isOptional);
  const { JWT_SECRET, ...others } = REQUIRED;
  const authority = await createTestAuthority();
  onTestFinished(() => authority.remove());
  const { certPath, keyPath } = await authority.issue('example', 'DNS:localhost');
  const env = Object.fromEntries(
    optional.map(({ name, value }) => {
      // Files must exist.
      if (name.endsWith('_CERT_PATH')) return [name, certPath];
      return name.endsWith('_KEY_PATH') ? [name, keyPath] : [name, value];
    }),
  );
  expect(problemsOf({ ...others, ...env })).toEqual([]);
});

it('.env.example names the variables of the development programs in a section of their own', async () => {
  const sources = await Promise.all(
    ['../src/dev/dev-environment.ts', '../src/simulator/config.ts'].map((file) =>
      readFile(new URL(file, import.meta.url), 'utf8'),
    ),
  );
  const read = sources.flatMap((source) =>
    [...source.matchAll(/^ +([A-Z][A-Z0-9_]+):/gm)].map(([, name = '']) => name),
  );
  const own = new Set(read.filter((name) => !VARIABLE_NAMES.includes(name) && !SYSTEM_VARIABLES.has(name)));
  expect((await exampleSection(2)).map(({ name }) => name).toSorted()).toEqual([...own].toSorted());
});

/** Variables that every system sets. */
const SYSTEM_VARIABLES = new Set(['PATH', 'XDG_CACHE_HOME', 'HOME']);

it('The configuration needs no more than secrets and a database', () => {
  const config = loadConfig(REQUIRED);
  expect(config.api).toMatchObject({ host: '127.0.0.1', port: 8080, rateLimitPerSecond: 1_000 });
  expect(config.orderSettings).toEqual({
    placement: { payment: 'local', inventory: 'local', notification: 'local' },
    holdTtlSeconds: 1_800,
    cancelWindowSeconds: 1_800,
    usesFastPath: true,
    consoleUrl: 'http://localhost:8080/console',
  });
  expect(loadConfig({ ...REQUIRED, ORDER_FAST_PATH: 'stepwise' }).orderSettings).not.toHaveProperty('usesFastPath');
  const { DATABASE_URL: url } = REQUIRED;
  expect(config.database.urls).toEqual(allAt(url));
});

it.each([
  [{ API_PORT: '8081' }, 'http://localhost:8081/console'],
  [{ OPERATOR_ROUTES: 'internal' }, 'http://localhost:9465/console'],
  [{ OPERATOR_ROUTES: 'internal', INTERNAL_PORT: '9500' }, 'http://localhost:9500/console'],
  [{ CONSOLE_URL: 'https://shop.example/console/' }, 'https://shop.example/console'],
  [{ API_PORT: '0' }, undefined],
])('The links to the console follow from the settings %j', (given, expected) => {
  expect(loadConfig({ ...REQUIRED, ...given }).orderSettings.consoleUrl).toBe(expected);
});

it('The configuration reports all problems at once, each with its variable', () => {
  const problems = problemsOf({
    API_PORT: '70000',
    LOG_LEVEL: 'loud',
    HOLD_TTL_SECONDS: '60',
    STEP_PLACEMENT: 'mail=queue',
  });
  expect(problems.map((problem) => problem.split(':')[0]?.split(' is')[0])).toEqual([
    'API_PORT',
    'CONTACT_KEYS',
    'DATABASE_URL',
    'STEP_PLACEMENT',
    'LOG_LEVEL',
    'HOLD_TTL_SECONDS',
    'JWT_SECRET, JWT_JWKS_URL',
  ]);
  expect(problems).toContain('DATABASE_URL: is required');
});

it('The configuration refuses a hold that ends before a payment may, and says how long is long enough', () => {
  const [problem = ''] = problemsOf({ ...REQUIRED, HOLD_TTL_SECONDS: '600' });
  expect(problem).toMatch(/^HOLD_TTL_SECONDS is 600, but a payment may take \d+ s and the commit after it \d+ s/);
  const enough = Number(/must be more than (\d+)/.exec(problem)?.[1]);
  expect(problemsOf({ ...REQUIRED, HOLD_TTL_SECONDS: String(enough) })).toHaveLength(1);
  expect(problemsOf({ ...REQUIRED, HOLD_TTL_SECONDS: String(enough + 1) })).toEqual([]);
});

it.each([
  ['neither', { JWT_SECRET: undefined }],
  ['both', { JWT_JWKS_URL: 'https://idp.example.com/keys' }],
])('The configuration requires a secret or keys of an identity provider, not %s', (_, change) => {
  expect(problemsOf({ ...REQUIRED, ...change })).toEqual(['JWT_SECRET, JWT_JWKS_URL: exactly one of them must be set']);
});

it('The configuration has no internal port for 0, and then refuses to move the routes of operators there', () => {
  expect(loadConfig(REQUIRED).internal).toEqual({ host: '127.0.0.1', port: 9465, isChosen: false });
  expect(loadConfig({ ...REQUIRED, INTERNAL_PORT: '0' }).internal).toBeNull();
  expect(problemsOf({ ...REQUIRED, INTERNAL_PORT: '0', OPERATOR_ROUTES: 'internal' })).toEqual([
    'OPERATOR_ROUTES: internal needs a port, so INTERNAL_PORT must not be 0',
  ]);
});

it('The configuration asks no token secret of a process without an API', () => {
  expect(loadConfig({ ...REQUIRED, JWT_SECRET: undefined }, { tokens: false }).jwt.secret).toBeNull();
});

it('The configuration takes the simulator for the payment provider, or Stripe with its key', () => {
  expect(loadConfig(REQUIRED).payment).toEqual({
    provider: 'simulator',
    simulatorUrl: 'http://127.0.0.1:8090',
    webhookSecret: null,
  });
  const env = {
    ...REQUIRED,
    PAYMENT_PROVIDER: 'stripe',
    STRIPE_SECRET_KEY: 'rk_test_1',
    STRIPE_WEBHOOK_SECRET: 'whsec_1',
  };
  expect(loadConfig(env).payment).toEqual({
    provider: 'stripe',
    simulatorUrl: null,
    secretKey: 'rk_test_1',
    webhookSecret: 'whsec_1',
    apiUrl: null,
  });
  expect(loadConfig({ ...env, STRIPE_MULTICAPTURE: 'true' }).payment).toMatchObject({ multicapture: true });
});

it('The configuration requires the key of Stripe when Stripe is the provider, and reports it together with the rest', () => {
  expect(problemsOf({ ...REQUIRED, PAYMENT_PROVIDER: 'stripe', STRIPE_SECRET_KEY: '', API_PORT: 'http' })).toEqual([
    expect.stringMatching(/^API_PORT: /),
    'STRIPE_SECRET_KEY: is required, because PAYMENT_PROVIDER is stripe',
  ]);
  expect(problemsOf({ ...REQUIRED, STRIPE_SECRET_KEY: 'sk_test_1' })).toEqual([]);
});

it('The configuration takes an empty variable for an absent one', () => {
  expect(loadConfig({ ...REQUIRED, API_PORT: '', ORDERS_DATABASE_URL: '', JWT_JWKS_URL: '' })).toEqual(
    loadConfig(REQUIRED),
  );
  expect(loadDatabaseConfig({ ...REQUIRED, ORDERS_DATABASE_URL: '' }).urls.orders).toBe(REQUIRED.DATABASE_URL);
});

it('The configuration puts each service on its own database when it has one', () => {
  const own = 'postgres://payments:password@elsewhere/payments';
  const env = { ...REQUIRED, PAYMENTS_DATABASE_URL: own };
  expect(loadConfig(env).database.urls).toMatchObject({ orders: REQUIRED.DATABASE_URL, payments: own });
  expect(loadDatabaseConfig(env).urls).toEqual(loadConfig(env).database.urls);
});

it('The configuration needs no shared database when each service has its own', () => {
  const { DATABASE_URL: _, ...rest } = REQUIRED;
  const services = ['orders', 'inventory', 'payments', 'notifications', 'events'];
  const urls = Object.fromEntries(services.map((name) => [name, `postgres://${name}:password@${name}/shop`]));
  const env = Object.fromEntries(services.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, urls[name]]));
  expect(loadConfig({ ...rest, ...env }).database.urls).toEqual(urls);
  expect(loadDatabaseConfig(env).urls).toEqual(urls);
  expect(problemsOf({ ...rest, ...env, EVENTS_DATABASE_URL: '' })).toEqual(['DATABASE_URL: is required']);
});

it('The configuration reads placements, queues and keys', () => {
  const config = loadConfig({
    ...REQUIRED,
    STEP_PLACEMENT: 'payment=queue, notification=queue',
    WORKER_QUEUES: 'payments, orders',
    CONTACT_KEYS: `new:${KEY},old:${KEY}`,
  });
  expect(config.orderSettings.placement).toEqual({ payment: 'queue', inventory: 'local', notification: 'queue' });
  expect(config.worker.queues).toEqual(['payments', 'orders']);
  expect(config.contactKeys.map(({ id, key }) => [id, key.byteLength])).toEqual([
    ['new', 32],
    ['old', 32],
  ]);
});

it('The configuration reads the limits of retries, each with its unit', () => {
  const { orderSettings, events } = loadConfig({
    ...REQUIRED,
    STEP_BUDGET_SECONDS: 'take-payment=900, hold-stock=300',
    STEP_MAX_ATTEMPTS: 'hold-stock=20',
    EVENT_MAX_ATTEMPTS: 'webhooks=3,analytics/purchase=6',
    EVENT_FIRST_WAIT_SECONDS: 'webhooks=5',
    EVENT_LONGEST_WAIT_SECONDS: 'webhooks=60',
  });
  expect(orderSettings.stepLimits).toEqual({
    'take-payment': { budgetMs: 900_000 },
    'hold-stock': { budgetMs: 300_000, maxAttempts: 20 },
  });
  expect(events.retries).toEqual({
    webhooks: { maxAttempts: 3, firstWaitSeconds: 5, longestWaitSeconds: 60 },
    'analytics/purchase': { maxAttempts: 6 },
  });
});

it('The configuration refuses limits that contradict each other, at the start', () => {
  expect(problemsOf({ ...REQUIRED, STEP_BUDGET_SECONDS: 'take-payment=3600' })).toEqual([
    'HOLD_TTL_SECONDS is 1800, but a payment may take 3602 s and the commit after it 600 s: it must be more than 4202',
  ]);
  expect(problemsOf({ ...REQUIRED, STEP_BUDGET_SECONDS: 'undo-payment=60' })).toEqual([
    'undoPayment: its waits and attempts may take 862 s, its budget is 60 s',
  ]);
  expect(problemsOf({ ...REQUIRED, EVENT_FIRST_WAIT_SECONDS: 'analytics=9' })).toContain(
    'events analytics/custom: the first wait is 9 s, the longest only 8 s',
  );
});

it('Mails to operators and profiles are off by default, and the addresses are a list', () => {
  expect(loadConfig(REQUIRED)).toMatchObject({ operatorMail: null, profiling: null, tracing: null });
  const env = { ...REQUIRED, OPERATOR_MAIL_TO: 'oncall@example.com, lead@example.com', OPERATOR_MAIL_MINUTES: '5' };
  expect(loadConfig(env).operatorMail).toEqual({ to: ['oncall@example.com', 'lead@example.com'], everySeconds: 300 });
});

it.each([
  ['STEP_BUDGET_SECONDS', 'takepayment=900'],
  ['STEP_BUDGET_SECONDS', 'take-payment=15m'],
  ['STEP_BUDGET_SECONDS', 'take-payment=0'],
  ['STEP_MAX_ATTEMPTS', 'hold-stock=2,hold-stock=3'],
  ['EVENT_MAX_ATTEMPTS', 'mail=3'],
  ['EVENT_MAX_ATTEMPTS', 'webhooks/purchase=3'],
  ['EVENT_FIRST_WAIT_SECONDS', 'analytics=1.5'],
  ['EVENT_LONGEST_WAIT_SECONDS', 'analytics'],
  ['API_PORT', '-1'],
  ['API_PORT', 'http'],
  ['RATE_LIMIT_PER_SECOND', '0'],
  // Beyond what an integer of the database or a timer of Node.js holds.
  ['RATE_LIMIT_PER_SECOND', '214748365'],
  ['EVENT_RATE_LIMIT_PER_SECOND', '214748365'],
  ['HOLD_TTL_SECONDS', '2147483648'],
  ['CANCEL_WINDOW_MINUTES', '35791395'],
  ['UNMATCHED_NOTICE_MINUTES', '1e300'],
  ['WORKER_METRICS_HOST', 'everywhere'],
  ['INTERNAL_HOST', 'localhost'],
  ['INTERNAL_PORT', '65536'],
  ['OPERATOR_ROUTES', 'none'],
  ['SHUTDOWN_DELAY_SECONDS', '-1'],
  ['SHUTDOWN_GRACE_SECONDS', '2147484'],
  ['OPERATOR_MAIL_TO', 'oncall'],
  ['OPERATOR_MAIL_TO', 'oncall@example.com,'],
  ['OPERATOR_MAIL_TO', Array(11).fill('oncall@example.com').join()],
  ['OPERATOR_MAIL_MINUTES', '0'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['PYROSCOPE_SERVER_ADDRESS', 'pyroscope:4040'],
  ['EAGER_SLOTS', '1.5'],
  ['JWT_SECRET', 'too short'],
  ['JWT_JWKS_URL', 'idp'],
  ['TEMPORAL_SEALING', 'on'],
  ['TEMPORAL_SEALING_KEYS', KEY],
  ['CONTACT_KEYS', KEY],
  ['CONTACT_KEYS', `:${KEY}`],
  ['CONTACT_KEYS', `key1:${KEY},key1:${KEY}`],
  ['CONTACT_KEYS', `key1:${Buffer.alloc(16).toString('base64')}`],
  ['DATABASE_URL', 'localhost'],
  ['DATABASE_POOL_SIZE', '1'],
  ['PAYMENT_PROVIDER', 'bank'],
  ['PAYMENT_WEBHOOK_SECRET', KEY],
  ['STRIPE_SECRET_KEY', `pk_test_${KEY}`],
  ['STRIPE_WEBHOOK_SECRET', KEY],
  ['STRIPE_API_URL', 'stripe'],
  ['STEP_PLACEMENT', 'payment=remote'],
  ['WORKER_QUEUES', 'orders,nothing'],
  ['WORKFLOW_SANDBOX', 'none'],
  ['SHUTDOWN_GRACE_SECONDS', '0'],
])('The configuration refuses %s=%s by its name and repeats no secret', (name, value) => {
  const [problem = ''] = problemsOf({ ...REQUIRED, [name]: value });
  expect(problem.startsWith(`${name}: `)).toBe(true);
  expect(problem).not.toContain(KEY);
});

it('Sealing without keys is refused, and with keys names the namespace', () => {
  expect(() => loadConfig({ ...REQUIRED, TEMPORAL_SEALING: 'seal' })).toThrow('TEMPORAL_SEALING_KEYS');
  const given = {
    ...REQUIRED,
    TEMPORAL_SEALING: 'seal',
    TEMPORAL_SEALING_KEYS: `2026:${KEY}`,
    TEMPORAL_NAMESPACE: 'shop',
  };
  const { sealing } = loadConfig(given).temporal;
  expect(sealing).toMatchObject({ mode: 'seal', namespace: 'shop', keys: [{ id: '2026' }] });
});

it('A build and its deployment are set together, by names that Temporal accepts', () => {
  const both = { TEMPORAL_DEPLOYMENT_NAME: 'shops/order-saga', TEMPORAL_WORKER_BUILD_ID: '2026-11-30.1+abc' };
  expect(loadConfig({ ...REQUIRED, ...both }).deployment).toEqual({
    name: 'shops/order-saga',
    buildId: '2026-11-30.1+abc',
  });
  expect(loadConfig(REQUIRED).deployment).toBeNull();
  const isAlone = 'TEMPORAL_DEPLOYMENT_NAME, TEMPORAL_WORKER_BUILD_ID: one is of no use without the other';
  for (const [name, value] of Object.entries(both))
    expect(problemsOf({ ...REQUIRED, [name]: value })).toEqual([isAlone]);
  for (const name of ['order.saga', 'order:saga', "order'saga"]) {
    const problems = problemsOf({ ...REQUIRED, ...both, TEMPORAL_DEPLOYMENT_NAME: name });
    expect(problems).toEqual([expect.stringContaining('TEMPORAL_DEPLOYMENT_NAME: must be')]);
  }
});
