import { z } from 'zod';
import { listenAddress } from './runtime/setting-forms.ts';
import { TASK_QUEUES, type TaskQueue } from './workflows/contract.ts';
import { COLLABORATORS, PLACEMENTS, type StepPlacement } from './domain/order-settings.ts';
import { policyContradictions } from './workflows/steps/policy-check.ts';
import { PAYMENT_PROVIDERS } from './domain/payments/payment-notice.ts';
import { eventRetryTable } from './events/event-retries.ts';
import { ConfigError, present, problemsOf } from './settings/config-error.ts';
import { API_TLS_VARIABLES, apiTlsContradictions, apiTlsOf } from './settings/api-tls-settings.ts';
import { certificatesOf } from './settings/certificates.ts';
import { DEPLOYMENT_VARIABLES, deploymentContradictions, deploymentOf } from './settings/deployment-settings.ts';
import { databaseModeContradictions, databaseUrl, mailUrl } from './settings/link-urls.ts';
import { OPERATOR_MAIL_VARIABLES, operatorMailOf } from './settings/operator-mail-settings.ts';
import { productionProblems, PROFILE } from './settings/production-rules.ts';
import { eventRetrySettingsOf, RETRY_VARIABLES, stepLimitsOf } from './settings/retry-settings.ts';
import { sealingKeys } from './settings/sealing-keys.ts';
import { STORED_DATA_VARIABLES, storedDataOf } from './settings/stored-data-settings.ts';
import { TELEMETRY_VARIABLES, telemetryOf } from './settings/telemetry-settings.ts';
import { TEMPORAL_VARIABLES, temporalContradictions, temporalOf } from './settings/temporal-settings.ts';
import { roleContradictions, TOKEN_VARIABLES, tokenSettingsOf } from './settings/token-settings.ts';

export { ConfigError };

const port = z.coerce.number().int().min(0).max(65_535);
/** At most a year: far below what an integer of the database or a timer holds. */
const seconds = z.coerce.number().int().min(1).max(31_536_000);
/** The sum over 10 s is stored in an integer column: 10^9, of at most 2 * 10^9. */
const perSecond = z.coerce.number().int().min(1).max(100_000_000);
const url = z.url();
const SECONDS_PER_DAY = 86_400;

/** `payment=queue,inventory=local`; a collaborator that is not named is local. */
const stepPlacement = z.string().transform((text, ctx): StepPlacement => {
  const placement: Record<string, string> = { payment: 'local', inventory: 'local', notification: 'local' };
  for (const part of text.split(',').filter((entry) => entry.trim() !== '')) {
    const [collaborator = '', place = ''] = part.trim().split('=');
    if (!isOneOf(COLLABORATORS, collaborator) || !isOneOf(PLACEMENTS, place)) {
      ctx.addIssue({
        code: 'custom',
        message: `"${part}" is not one of ${COLLABORATORS.join('|')}=${PLACEMENTS.join('|')}`,
      });
      return z.NEVER;
    }
    placement[collaborator] = place;
  }
  return placement as StepPlacement;
});

const queues = z.string().transform((text, ctx): readonly TaskQueue[] => {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !isOneOf(TASK_QUEUES, name));
  if (unknown.length === 0) return [...new Set(names)] as TaskQueue[];
  ctx.addIssue({
    code: 'custom',
    message: `unknown queue "${unknown.join('", "')}"; known are ${TASK_QUEUES.join(', ')}`,
  });
  return z.NEVER;
});

/** Stripe's secret and restricted keys; a publishable key (`pk_`) cannot charge. */
const stripeKey = z.string().regex(/^(sk|rk)_\S+$/, 'must be a secret or restricted key (sk_..., rk_...)');
const stripeWebhookSecret = z.string().regex(/^whsec_\S+$/, 'must be the secret of an endpoint (whsec_...)');
/** Standard Webhooks ask for 24 to 64 random bytes, which are 32 to 88 characters of base64. */
const standardWebhookSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64');

const variables = z.object({
  PROFILE,

  API_HOST: z.string().default('127.0.0.1'),
  API_PORT: port.default(8080),
  ...API_TLS_VARIABLES,
  INTERNAL_HOST: listenAddress.default('127.0.0.1'),
  INTERNAL_PORT: port.optional(),
  OPERATOR_ROUTES: z.enum(['public', 'internal']).default('public'),
  CONSOLE_URL: z.url({ protocol: /^https?$/ }).optional(),
  RATE_LIMIT_PER_SECOND: perSecond.default(1_000),
  EVENT_RATE_LIMIT_PER_SECOND: perSecond.default(20_000),
  UNAUTHENTICATED_RATE_LIMIT_PER_SECOND: perSecond.default(200),
  TRUSTED_HOPS: z.coerce.number().int().min(0).max(10).default(0),
  EAGER_SLOTS: z.coerce.number().int().min(1).max(1_000).default(24),
  BACKLOG_MAX_AGE_SECONDS: seconds.default(60),
  ...TOKEN_VARIABLES,
  CONTACT_KEYS: sealingKeys,
  ...STORED_DATA_VARIABLES,

  DATABASE_URL: databaseUrl.optional(),
  ORDERS_DATABASE_URL: databaseUrl.optional(),
  INVENTORY_DATABASE_URL: databaseUrl.optional(),
  PAYMENTS_DATABASE_URL: databaseUrl.optional(),
  NOTIFICATIONS_DATABASE_URL: databaseUrl.optional(),
  EVENTS_DATABASE_URL: databaseUrl.optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).max(500).default(20),
  DATABASE_ROW_LEVEL_SECURITY: z.enum(['true', 'false']).default('false'),

  ...TEMPORAL_VARIABLES,
  ...DEPLOYMENT_VARIABLES,

  PAYMENT_PROVIDER: z.enum(PAYMENT_PROVIDERS).default('simulator'),
  PAYMENT_GATEWAY_URL: url.default('http://127.0.0.1:8090'),
  PAYMENT_WEBHOOK_SECRET: standardWebhookSecret.optional(),
  STRIPE_SECRET_KEY: stripeKey.optional(),
  STRIPE_WEBHOOK_SECRET: stripeWebhookSecret.optional(),
  STRIPE_API_URL: url.optional(),
  STRIPE_MULTICAPTURE: z.enum(['true', 'false']).default('false'),
  UNMATCHED_NOTICE_MINUTES: z.coerce.number().min(0).max(525_600).default(60),
  UNMATCHED_NOTICE_TENANT: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be the name of a tenant')
    .default('demo'),
  SMTP_URL: mailUrl.default('smtp://127.0.0.1:2525'),
  MAIL_FROM: z.string().default('orders@order-saga.local'),
  SMS_GATEWAY_URL: url.optional(),
  SMS_GATEWAY_TOKEN: z.string().min(8, 'must have at least 8 characters').optional(),
  WEBHOOK_ALLOW_PRIVATE: z.enum(['true', 'false']).default('false'),
  WEBHOOK_DISABLE_AFTER_DAYS: z.coerce.number().positive().max(365).default(5),

  STEP_PLACEMENT: stepPlacement.default({ payment: 'local', inventory: 'local', notification: 'local' }),
  ORDER_FAST_PATH: z.enum(['joined', 'stepwise']).default('joined'),
  HOLD_TTL_SECONDS: seconds.default(1_800),
  CANCEL_WINDOW_MINUTES: z.coerce.number().int().min(0).max(5_256_000).default(30),
  ...RETRY_VARIABLES,
  EVENT_PARTITIONS: z.coerce.number().int().min(1).max(256).default(16),
  EVENT_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  HIGH_VALUE_ALERT_URL: url.optional(),
  ...OPERATOR_MAIL_VARIABLES,
  AUDIT_INTERVAL_MINUTES: z.coerce.number().int().min(0).max(10_080).default(15),
  AUDIT_ORDERS_MAX: z.coerce.number().int().min(1).max(10_000).default(1_000),
  WORKER_QUEUES: queues.default(TASK_QUEUES),
  WORKER_METRICS_HOST: listenAddress.default('127.0.0.1'),
  WORKER_METRICS_PORT: port.default(9464),
  WORKFLOW_BUNDLE: z.string().default('dist/workflow-bundle.js'),
  WORKFLOW_SANDBOX: z.enum(['standard', 'lean']).default('standard'),
  SHUTDOWN_DELAY_SECONDS: z.coerce.number().int().min(0).max(3_600).default(0),
  SHUTDOWN_GRACE_SECONDS: seconds.max(86_400).default(20),
  ...TELEMETRY_VARIABLES,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty']).default('json'),
  LOG_REQUESTS: z.enum(['true', 'false']).default('true'),
});

/** Names of all variables, for `.env.example` and its test. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(variables.shape);

/** The configuration of the processes; `.env.example` describes every variable. */
export type Config = ReturnType<typeof toConfig>;

/**
 * Reads the configuration from environment variables. A process that verifies no tokens needs no secret for them.
 * @throws {ConfigError} that lists every problem at once.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  needs: { readonly tokens: boolean } = { tokens: true },
): Config {
  const given = present(env);
  const parsed = variables.extend(sharedDatabase(given)).safeParse(given);
  const problems = contradictions(given, needs);
  if (parsed.success && problems.length === 0) return toConfig(parsed.data, given);
  throw new ConfigError([...problemsOf(parsed.error, given), ...problems]);
}

/**
 * Contradictions between variables, which no variable's own rule can see. They are reported together with the other
 * problems.
 */
function contradictions(given: Readonly<Record<string, string>>, needs: { readonly tokens: boolean }): string[] {
  const policies = policyVariables.safeParse(given);
  const problems = policies.success ? policyContradictions(policySettingsOf(policies.data)) : [];
  if (needs.tokens && 'JWT_SECRET' in given === 'JWT_JWKS_URL' in given) {
    problems.push('JWT_SECRET, JWT_JWKS_URL: exactly one of them must be set');
  }
  if (given['OPERATOR_ROUTES'] === 'internal' && Number(given['INTERNAL_PORT'] ?? 1) === 0) {
    problems.push('OPERATOR_ROUTES: internal needs a port, so INTERNAL_PORT must not be 0');
  }
  if (given['PAYMENT_PROVIDER'] === 'stripe' && !('STRIPE_SECRET_KEY' in given)) problems.push(STRIPE_KEY_MISSING);
  return [
    ...problems,
    ...apiTlsContradictions(given),
    ...roleContradictions(given),
    ...temporalContradictions(given),
    ...deploymentContradictions(given),
    ...databaseModeContradictions(given),
    ...productionProblems(given, { everything: true, ...needs }),
  ];
}

/** What the policies depend on. */
const policyVariables = variables.pick({
  HOLD_TTL_SECONDS: true,
  EVENT_RETENTION_DAYS: true,
  STEP_BUDGET_SECONDS: true,
  STEP_MAX_ATTEMPTS: true,
  EVENT_MAX_ATTEMPTS: true,
  EVENT_FIRST_WAIT_SECONDS: true,
  EVENT_LONGEST_WAIT_SECONDS: true,
});

function policySettingsOf(env: z.output<typeof policyVariables>) {
  return {
    holdTtlSeconds: env.HOLD_TTL_SECONDS,
    stepLimits: stepLimitsOf(env) ?? {},
    eventRetries: eventRetryTable(eventRetrySettingsOf(env)),
    eventRetentionDays: env.EVENT_RETENTION_DAYS,
  };
}

const STRIPE_KEY_MISSING = 'STRIPE_SECRET_KEY: is required, because PAYMENT_PROVIDER is stripe';

/** Each service may have a server of its own. */
const SERVICE_DATABASES = {
  orders: 'ORDERS_DATABASE_URL',
  inventory: 'INVENTORY_DATABASE_URL',
  payments: 'PAYMENTS_DATABASE_URL',
  notifications: 'NOTIFICATIONS_DATABASE_URL',
  events: 'EVENTS_DATABASE_URL',
} as const;

const databaseVariables = variables.pick({
  PROFILE: true,
  DATABASE_URL: true,
  ORDERS_DATABASE_URL: true,
  INVENTORY_DATABASE_URL: true,
  PAYMENTS_DATABASE_URL: true,
  NOTIFICATIONS_DATABASE_URL: true,
  EVENTS_DATABASE_URL: true,
});

/** The shared database is required as long as a service has no database of its own. */
function sharedDatabase(given: Readonly<Record<string, unknown>>) {
  const isNeeded = Object.values(SERVICE_DATABASES).some((name) => !(name in given));
  return { DATABASE_URL: isNeeded ? databaseUrl : databaseUrl.optional() };
}

/**
 * Reads only the addresses of the databases, for tools that need nothing else.
 * @throws {ConfigError} that lists every problem at once.
 */
export function loadDatabaseConfig(env: Readonly<Record<string, string | undefined>>) {
  const given = present(env);
  const parsed = databaseVariables.extend(sharedDatabase(given)).safeParse(given);
  const unfit = productionProblems(given, { everything: false, tokens: false });
  const problems = [...databaseModeContradictions(given), ...unfit];
  if (parsed.success && problems.length === 0) return { urls: databaseUrls(parsed.data) };
  throw new ConfigError([...problemsOf(parsed.error, given), ...problems]);
}

type ServiceUrls = Record<keyof typeof SERVICE_DATABASES, string>;

function databaseUrls(env: z.output<typeof databaseVariables>): ServiceUrls {
  const entries = Object.entries(SERVICE_DATABASES).map(([service, name]) => [service, env[name] ?? env.DATABASE_URL]);
  return Object.fromEntries(entries) as ServiceUrls;
}

/**
 * Settings that only the provider in use needs. Tools ask the simulator for its ledger; other providers do not show
 * theirs.
 */
function paymentOf(env: z.output<typeof variables>) {
  if (env.PAYMENT_PROVIDER === 'simulator') {
    return {
      provider: env.PAYMENT_PROVIDER,
      simulatorUrl: env.PAYMENT_GATEWAY_URL,
      webhookSecret: env.PAYMENT_WEBHOOK_SECRET ?? null,
    };
  }
  if (env.STRIPE_SECRET_KEY === undefined) throw new ConfigError([STRIPE_KEY_MISSING]);
  return {
    provider: env.PAYMENT_PROVIDER,
    simulatorUrl: null,
    secretKey: env.STRIPE_SECRET_KEY,
    webhookSecret: env.STRIPE_WEBHOOK_SECRET ?? null,
    apiUrl: env.STRIPE_API_URL ?? null,
    ...(env.STRIPE_MULTICAPTURE === 'true' ? { multicapture: true as const } : {}),
  };
}

/** The internal port of a process that sets none; a second process on the machine then takes a free one. */
const INTERNAL_PORT_DEFAULT = 9465;

/** Null when it is turned off. */
function internalOf({ INTERNAL_HOST: host, INTERNAL_PORT: chosen }: z.output<typeof variables>) {
  if (chosen === 0) return null;
  return { host, port: chosen ?? INTERNAL_PORT_DEFAULT, isChosen: chosen !== undefined };
}

/** Where people open the console. In development that is this machine; production has no address unless it is set. */
function consoleOf(env: z.output<typeof variables>): { readonly consoleUrl?: string } {
  const { CONSOLE_URL: url, PROFILE: profile, OPERATOR_ROUTES: routes, API_PORT, API_TLS_CERT_PATH } = env;
  if (url !== undefined) return { consoleUrl: url.replace(/\/$/, '') };
  const apiPort = routes === 'internal' ? (env.INTERNAL_PORT ?? INTERNAL_PORT_DEFAULT) : API_PORT;
  if (profile === 'production' || apiPort === 0) return {};
  const isPlain = routes === 'internal' || API_TLS_CERT_PATH === undefined;
  return { consoleUrl: `${isPlain ? 'http' : 'https'}://localhost:${apiPort}/console` };
}

function toConfig(env: z.output<typeof variables>, given: Readonly<Record<string, string>>) {
  const stepLimits = stepLimitsOf(env);
  return Object.freeze({
    api: {
      host: env.API_HOST,
      port: env.API_PORT,
      tls: apiTlsOf(env),
      rateLimitPerSecond: env.RATE_LIMIT_PER_SECOND,
      eventRateLimitPerSecond: env.EVENT_RATE_LIMIT_PER_SECOND,
      unauthenticatedPerSecond: env.UNAUTHENTICATED_RATE_LIMIT_PER_SECOND,
      trustedHops: env.TRUSTED_HOPS,
      eagerSlots: env.EAGER_SLOTS,
      backlogMaxAgeSeconds: env.BACKLOG_MAX_AGE_SECONDS,
    },
    jwt: tokenSettingsOf(env),
    internal: internalOf(env),
    operatorPort: env.OPERATOR_ROUTES,
    contactKeys: env.CONTACT_KEYS,
    storedData: storedDataOf(env),
    database: {
      urls: databaseUrls(env),
      poolSize: env.DATABASE_POOL_SIZE,
      /** Whether the API's statements name their tenant, for a role that the policies of the tables hold. */
      isFenced: env.DATABASE_ROW_LEVEL_SECURITY === 'true',
    },
    temporal: temporalOf(env),
    deployment: deploymentOf(env),
    payment: paymentOf(env),
    notices: {
      unmatchedAfterMs: env.UNMATCHED_NOTICE_MINUTES * 60_000,
      tenantId: env.UNMATCHED_NOTICE_TENANT,
    },
    mail: { url: env.SMTP_URL, from: env.MAIL_FROM },
    operatorMail: operatorMailOf(env),
    sms: env.SMS_GATEWAY_URL === undefined ? null : { url: env.SMS_GATEWAY_URL, token: env.SMS_GATEWAY_TOKEN ?? null },
    webhooks: {
      allowPrivate: env.WEBHOOK_ALLOW_PRIVATE === 'true',
      disableAfterSeconds: env.WEBHOOK_DISABLE_AFTER_DAYS * SECONDS_PER_DAY,
    },
    orderSettings: {
      placement: env.STEP_PLACEMENT,
      holdTtlSeconds: env.HOLD_TTL_SECONDS,
      cancelWindowSeconds: env.CANCEL_WINDOW_MINUTES * 60,
      ...(env.SMS_GATEWAY_URL === undefined ? {} : { sendsTextMessages: true as const }),
      ...(env.ORDER_FAST_PATH === 'joined' ? { usesFastPath: true as const } : {}),
      ...(stepLimits === null ? {} : { stepLimits }),
      ...consoleOf(env),
    },
    events: {
      partitions: env.EVENT_PARTITIONS,
      retentionDays: env.EVENT_RETENTION_DAYS,
      highValueAlertUrl: env.HIGH_VALUE_ALERT_URL ?? null,
      retries: eventRetrySettingsOf(env),
    },
    audit: { intervalMinutes: env.AUDIT_INTERVAL_MINUTES, ordersMax: env.AUDIT_ORDERS_MAX },
    worker: {
      queues: env.WORKER_QUEUES,
      metrics: env.WORKER_METRICS_PORT === 0 ? null : { host: env.WORKER_METRICS_HOST, port: env.WORKER_METRICS_PORT },
      bundlePath: env.WORKFLOW_BUNDLE,
      sandbox: env.WORKFLOW_SANDBOX,
    },
    shutdownDelayMs: env.SHUTDOWN_DELAY_SECONDS * 1_000,
    shutdownGraceMs: env.SHUTDOWN_GRACE_SECONDS * 1_000,
    ...telemetryOf(env),
    certificates: certificatesOf(given),
    logLevel: env.LOG_LEVEL,
    logFormat: env.LOG_FORMAT,
    logsRequests: env.LOG_REQUESTS === 'true',
  });
}

function isOneOf<Literal extends string>(list: readonly Literal[], candidate: string): candidate is Literal {
  return (list as readonly string[]).includes(candidate);
}
