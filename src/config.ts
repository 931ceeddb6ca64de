import { z } from 'zod';
import { COLLABORATORS, PLACEMENTS, TASK_QUEUES, type StepPlacement, type TaskQueue } from './workflows/contract.ts';
import { policyContradictions } from './workflows/activity-policies.ts';
import type { ContactKey } from './domain/contact-sealer.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const seconds = z.coerce.number().int().min(1);
const url = z.url();
const KEY_BYTES = 32;
const KEY_PAIR = /^([A-Za-z0-9_.-]{1,32}):(.+)$/;

/** `payment=queue,inventory=local`: what is not named is local. */
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
  if (unknown.length === 0) return names as TaskQueue[];
  ctx.addIssue({ code: 'custom', message: `unknown queue ${unknown.join(', ')}; known are ${TASK_QUEUES.join(', ')}` });
  return z.NEVER;
});

/** `id:base64` pairs, newest first; each key has 256 bits. */
const contactKeys = z.string().transform((text, ctx): readonly [ContactKey, ...ContactKey[]] => {
  const keys = text.split(',').map((pair): ContactKey => {
    // Without its colon a pair would be taken for an id, and ids are stored beside what they seal.
    const [, id = '', key = ''] = KEY_PAIR.exec(pair.trim()) ?? [];
    return { id, key: Buffer.from(key, 'base64') };
  });
  const [first, ...rest] = keys;
  const areDistinct = new Set(keys.map(({ id }) => id)).size === keys.length;
  if (first === undefined || !areDistinct || keys.some(({ key }) => key.byteLength !== KEY_BYTES)) {
    ctx.addIssue({ code: 'custom', message: 'must be id:base64 pairs, each id once, each key 32 bytes long' });
    return z.NEVER;
  }
  return [first, ...rest];
});

const variables = z.object({
  API_HOST: z.string().default('127.0.0.1'),
  API_PORT: port.default(8080),
  RATE_LIMIT_PER_SECOND: z.coerce.number().int().min(1).default(1_000),
  EAGER_SLOTS: z.coerce.number().int().min(1).max(1_000).default(32),
  BACKLOG_MAX_AGE_SECONDS: seconds.default(60),
  JWT_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  JWT_JWKS_URL: url.optional(),
  JWT_ISSUER: z.string().default('order-saga'),
  JWT_AUDIENCE: z.string().default('order-saga'),
  CONTACT_KEYS: contactKeys,

  DATABASE_URL: url,
  ORDERS_DATABASE_URL: url.optional(),
  INVENTORY_DATABASE_URL: url.optional(),
  PAYMENTS_DATABASE_URL: url.optional(),
  NOTIFICATIONS_DATABASE_URL: url.optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).max(500).default(20),

  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_UI_URL: url.default('http://localhost:8233'),

  PAYMENT_GATEWAY_URL: url.default('http://127.0.0.1:8090'),
  SMTP_URL: url.default('smtp://127.0.0.1:2525'),
  MAIL_FROM: z.string().default('orders@order-saga.local'),

  STEP_PLACEMENT: stepPlacement.default({ payment: 'local', inventory: 'local', notification: 'local' }),
  HOLD_TTL_SECONDS: seconds.default(1_800),
  WORKER_QUEUES: queues.default(TASK_QUEUES),
  WORKER_METRICS_PORT: port.default(9464),
  WORKFLOW_BUNDLE: z.string().default('dist/workflow-bundle.js'),
  WORKFLOW_SANDBOX: z.enum(['standard', 'lean']).default('standard'),
  SHUTDOWN_GRACE_SECONDS: seconds.default(20),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** Names of all variables, for `.env.example` and its test. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(variables.shape);

/** What the processes are configured with; see `.env.example` for every variable. */
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
  const parsed = variables.safeParse(given);
  const problems = contradictions(given, needs);
  if (parsed.success && problems.length === 0) return toConfig(parsed.data);
  throw new ConfigError([...problemsOf(parsed.error, given), ...problems]);
}

/** Variables without a value count as absent. */
function present(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
}

function problemsOf(error: z.ZodError | undefined, given: Readonly<Record<string, unknown>>): string[] {
  return (error?.issues ?? []).map(({ path, message }) => {
    const name = path.join('.');
    return `${name}: ${name in given ? message : 'is required'}`;
  });
}

/** What no variable's own rule can see; told together with the rest, also when other variables are wrong. */
function contradictions(given: Readonly<Record<string, unknown>>, needs: { readonly tokens: boolean }): string[] {
  const holdTtl = variables.shape.HOLD_TTL_SECONDS.safeParse(given['HOLD_TTL_SECONDS']);
  const problems = holdTtl.success ? policyContradictions({ holdTtlSeconds: holdTtl.data }) : [];
  if (needs.tokens && 'JWT_SECRET' in given === 'JWT_JWKS_URL' in given) {
    problems.push('JWT_SECRET, JWT_JWKS_URL: exactly one of them must be set');
  }
  return problems;
}

const databaseVariables = variables.pick({
  DATABASE_URL: true,
  ORDERS_DATABASE_URL: true,
  INVENTORY_DATABASE_URL: true,
  PAYMENTS_DATABASE_URL: true,
  NOTIFICATIONS_DATABASE_URL: true,
});

/** Reads only where the databases are, for tools that need nothing else. @throws {ConfigError} */
export function loadDatabaseConfig(env: Readonly<Record<string, string | undefined>>) {
  const given = present(env);
  const parsed = databaseVariables.safeParse(given);
  if (parsed.success) return { urls: databaseUrls(parsed.data) };
  throw new ConfigError(problemsOf(parsed.error, given));
}

function databaseUrls(env: z.output<typeof databaseVariables>) {
  return {
    orders: env.ORDERS_DATABASE_URL ?? env.DATABASE_URL,
    inventory: env.INVENTORY_DATABASE_URL ?? env.DATABASE_URL,
    payments: env.PAYMENTS_DATABASE_URL ?? env.DATABASE_URL,
    notifications: env.NOTIFICATIONS_DATABASE_URL ?? env.DATABASE_URL,
  };
}

/** The configuration cannot be used; the message lists every problem on a line of its own. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length} problem(s):\n${problems.map((text) => `  - ${text}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

function toConfig(env: z.output<typeof variables>) {
  return Object.freeze({
    api: {
      host: env.API_HOST,
      port: env.API_PORT,
      rateLimitPerSecond: env.RATE_LIMIT_PER_SECOND,
      eagerSlots: env.EAGER_SLOTS,
      backlogMaxAgeSeconds: env.BACKLOG_MAX_AGE_SECONDS,
    },
    jwt: {
      secret: env.JWT_SECRET ?? null,
      jwksUrl: env.JWT_JWKS_URL ?? null,
      issuer: env.JWT_ISSUER,
      audience: env.JWT_AUDIENCE,
    },
    contactKeys: env.CONTACT_KEYS,
    database: {
      urls: databaseUrls(env),
      poolSize: env.DATABASE_POOL_SIZE,
    },
    temporal: { address: env.TEMPORAL_ADDRESS, namespace: env.TEMPORAL_NAMESPACE, uiUrl: env.TEMPORAL_UI_URL },
    paymentGatewayUrl: env.PAYMENT_GATEWAY_URL,
    mail: { url: env.SMTP_URL, from: env.MAIL_FROM },
    orderSettings: { placement: env.STEP_PLACEMENT, holdTtlSeconds: env.HOLD_TTL_SECONDS },
    worker: {
      queues: env.WORKER_QUEUES,
      metricsPort: env.WORKER_METRICS_PORT,
      bundlePath: env.WORKFLOW_BUNDLE,
      sandbox: env.WORKFLOW_SANDBOX,
    },
    shutdownGraceMs: env.SHUTDOWN_GRACE_SECONDS * 1_000,
    logLevel: env.LOG_LEVEL,
  });
}

function isOneOf<Literal extends string>(list: readonly Literal[], candidate: string): candidate is Literal {
  return (list as readonly string[]).includes(candidate);
}
