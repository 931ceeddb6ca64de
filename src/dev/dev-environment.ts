import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { listenAddress, temporalNamespace } from '../runtime/setting-forms.ts';
import { localHttpUrl } from '../runtime/local-address.ts';
import { dataFolderOf, PROJECT_FOLDER } from './data-folder.ts';
import { INBOX_LIMIT } from './mail-sink/mail-inbox.ts';
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from './dev-token.ts';
import type { PortClaim } from './processes/ports.ts';

/** Environment variables as `process.env` holds them. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

const port = z.coerce.number().int().min(1).max(65_535);

/** The bad ports of the fetch standard (https://fetch.spec.whatwg.org/#port-blocking): programs and browsers refuse them. */
const REFUSED_PORTS: ReadonlySet<number> = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
]);
const httpPort = port.refine(
  (number) => !REFUSED_PORTS.has(number),
  'fetch and browsers refuse this port: choose another',
);

const PORT_VARIABLES = {
  API_PORT: httpPort.default(8080),
  TEMPORAL_PORT: port.default(7233),
  TEMPORAL_UI_PORT: httpPort.default(8233),
  POSTGRES_PORT: port.default(54_329),
  SIMULATOR_PORT: httpPort.default(8090),
  MAIL_SINK_SMTP_PORT: port.default(2525),
  MAIL_SINK_INBOX_PORT: httpPort.default(8025),
  /** 0 means that the worker has no metrics. */
  WORKER_METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(9464),
  /** 0 means that the process answers no probes. */
  INTERNAL_PORT: z.union([z.coerce.number().pipe(z.literal(0)), httpPort]).default(9465),
};

const host = z.string().default('127.0.0.1');

const HOST_VARIABLES = {
  API_HOST: host,
  SIMULATOR_HOST: host,
  MAIL_SINK_HOST: host,
  WORKER_METRICS_HOST: listenAddress.default('127.0.0.1'),
  INTERNAL_HOST: listenAddress.default('127.0.0.1'),
};

/** Tokens of development may have roles. */
const rolesClaim = z.string().trim().min(1).default('roles');

const devSchema = z.object({
  ...PORT_VARIABLES,
  ...HOST_VARIABLES,
  DATA_DIR: z.string().optional(),
  DATABASE_URL: z.url().optional(),
  TEMPORAL_ADDRESS: z.string().optional(),
  TEMPORAL_NAMESPACE: temporalNamespace.default('default'),
  TEMPORAL_UI_URL: z.url().optional(),
  PAYMENT_GATEWAY_URL: z.url().optional(),
  SMTP_URL: z.url().optional(),
  SMS_GATEWAY_URL: z.url().optional(),
  WEBHOOK_ALLOW_PRIVATE: z.enum(['true', 'false']).default('true'),
  OPERATOR_ROUTES: z.enum(['public', 'internal']).default('public'),
  JWT_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  JWT_ROLES_CLAIM: rolesClaim,
  CONTACT_KEYS: z.string().optional(),
  PAYMENT_WEBHOOK_SECRET: z.string().optional(),
  npm_lifecycle_event: z.string().optional(),
});

/** The settings of `npm start`. If an address is set, the server belongs to somebody else, and none is started. */
export type DevEnvironment = ReturnType<typeof loadDevEnvironment>;

/** One or more variables cannot be used; the message has one line for each. */
export class DevEnvironmentError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'DevEnvironmentError';
  }
}

/**
 * Reads the settings of `npm start`; an empty variable counts as not set.
 * @throws {DevEnvironmentError} that lists every problem at once.
 */
export function loadDevEnvironment(env: EnvironmentVariables) {
  const values = parse(devSchema, env);
  return {
    dataFolder: dataFolderOf(values),
    ports: {
      api: values.API_PORT,
      temporal: values.TEMPORAL_PORT,
      temporalUi: values.TEMPORAL_UI_PORT,
      postgres: values.POSTGRES_PORT,
      simulator: values.SIMULATOR_PORT,
      smtp: values.MAIL_SINK_SMTP_PORT,
      inbox: values.MAIL_SINK_INBOX_PORT,
      metrics: values.WORKER_METRICS_PORT,
      internal: values.INTERNAL_PORT,
    },
    hosts: {
      api: values.API_HOST,
      simulator: values.SIMULATOR_HOST,
      mailSink: values.MAIL_SINK_HOST,
      metrics: values.WORKER_METRICS_HOST,
      internal: values.INTERNAL_HOST,
    },
    /** The address at which programs on this machine reach the API. */
    apiUrl: localHttpUrl(values.API_HOST, values.API_PORT),
    /** The address of the pages for operators, such as `/docs`. */
    operatorUrl:
      values.OPERATOR_ROUTES === 'internal'
        ? localHttpUrl(values.INTERNAL_HOST, values.INTERNAL_PORT)
        : localHttpUrl(values.API_HOST, values.API_PORT),
    /** The addresses of the payment simulator and the inbox, unless somebody else's are used. */
    simulatorUrl: localHttpUrl(values.SIMULATOR_HOST, values.SIMULATOR_PORT),
    inboxUrl: localHttpUrl(values.MAIL_SINK_HOST, values.MAIL_SINK_INBOX_PORT),
    external: {
      databaseUrl: values.DATABASE_URL ?? null,
      temporalAddress: values.TEMPORAL_ADDRESS ?? null,
      temporalUiUrl: values.TEMPORAL_UI_URL ?? null,
      paymentGatewayUrl: values.PAYMENT_GATEWAY_URL ?? null,
      smtpUrl: values.SMTP_URL ?? null,
      smsGatewayUrl: values.SMS_GATEWAY_URL ?? null,
    },
    temporalNamespace: values.TEMPORAL_NAMESPACE,
    /** Whether webhooks may go to this machine; true unless the person sets it otherwise. */
    webhookAllowPrivate: values.WEBHOOK_ALLOW_PRIVATE,
    /** The claim in which tokens have their roles. */
    rolesClaim: values.JWT_ROLES_CLAIM,
    secrets: {
      jwtSecret: values.JWT_SECRET ?? null,
      contactKeys: values.CONTACT_KEYS ?? null,
      paymentWebhookSecret: values.PAYMENT_WEBHOOK_SECRET ?? null,
    },
    startedByNpm: values.npm_lifecycle_event !== undefined,
    variables: env,
  };
}

const OF_TEMPORAL_TLS = /^TEMPORAL_(?:TLS(?:_\w+)?|API_KEY)$/;

/**
 * `npm start` is a system for development, whose own parts talk to each other in plain text.
 * @throws {DevEnvironmentError} when settings ask for more.
 */
export function assertForDevelopment(env: EnvironmentVariables): void {
  const given = Object.keys(env).filter((name) => env[name] !== undefined && env[name] !== '');
  const problems = given
    .filter((name) => name.startsWith('API_TLS_'))
    .map((name) => `${name}: npm start asks its API over plain HTTP; npm run start:combined serves HTTPS`);
  if (env['PROFILE'] === 'production') {
    problems.push('PROFILE: npm start is for development, as its simulator and its mail sink are; leave it out');
  }
  if (!env['TEMPORAL_ADDRESS'] && env['TEMPORAL_TLS'] !== 'false') {
    const names = given.filter((name) => OF_TEMPORAL_TLS.test(name));
    problems.push(
      ...names.map((name) => `${name}: the Temporal of npm start has no TLS; set TEMPORAL_ADDRESS as well`),
    );
  }
  if (problems.length > 0) throw new DevEnvironmentError(problems);
}

/** The folder of a system is not one of its settings, and neither is the way in which it was started. */
const OF_THE_START: readonly string[] = ['DATA_DIR', 'npm_lifecycle_event'];

/**
 * The settings in an environment that the system's processes would read, for the tools; `.env.example` describes them.
 */
export function givenSettings(env: EnvironmentVariables): Record<string, string> {
  const described = readFileSync(join(PROJECT_FOLDER, '.env.example'), 'utf8').matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm);
  const all = new Set([...Array.from(described, ([, name = '']) => name), ...Object.keys(devSchema.shape)]);
  const names = [...all].filter((name) => !OF_THE_START.includes(name));
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** The ports that a start will use, without those of servers that somebody else runs. */
export function portClaims({ ports, hosts, external }: DevEnvironment): PortClaim[] {
  return [
    { host: hosts.api, hostVariable: 'API_HOST', port: ports.api, variable: 'API_PORT', purpose: 'API' },
    ...unlessOff({
      host: hosts.internal,
      hostVariable: 'INTERNAL_HOST',
      port: ports.internal,
      variable: 'INTERNAL_PORT',
      purpose: 'probes',
    }),
    ...unlessOff({
      host: hosts.metrics,
      hostVariable: 'WORKER_METRICS_HOST',
      port: ports.metrics,
      variable: 'WORKER_METRICS_PORT',
      purpose: 'worker metrics',
    }),
    ...unless(external.temporalAddress, [
      { port: ports.temporal, variable: 'TEMPORAL_PORT', purpose: 'Temporal' },
      { port: ports.temporalUi, variable: 'TEMPORAL_UI_PORT', purpose: 'Temporal Web UI' },
    ]),
    ...unless(external.databaseUrl, [{ port: ports.postgres, variable: 'POSTGRES_PORT', purpose: 'PostgreSQL' }]),
    ...unless(external.paymentGatewayUrl, [
      {
        host: hosts.simulator,
        hostVariable: 'SIMULATOR_HOST',
        port: ports.simulator,
        variable: 'SIMULATOR_PORT',
        purpose: 'payment simulator',
      },
    ]),
    ...unless(external.smtpUrl, [
      {
        host: hosts.mailSink,
        hostVariable: 'MAIL_SINK_HOST',
        port: ports.smtp,
        variable: 'MAIL_SINK_SMTP_PORT',
        purpose: 'mail sink, SMTP',
      },
      {
        host: hosts.mailSink,
        hostVariable: 'MAIL_SINK_HOST',
        port: ports.inbox,
        variable: 'MAIL_SINK_INBOX_PORT',
        purpose: 'mail sink, inbox',
      },
    ]),
  ];
}

/** A port that is 0 is not used. */
function unlessOff(claim: PortClaim): readonly PortClaim[] {
  return claim.port === 0 ? [] : [claim];
}

function unless(externalAddress: string | null, claims: readonly PortClaim[]): readonly PortClaim[] {
  return externalAddress === null ? claims : [];
}

const toolSchema = z.object({
  PATH: z.string().default('/usr/local/bin:/usr/bin:/bin'),
  XDG_CACHE_HOME: z.string().optional(),
});

/** Folders outside of the project in which programs are searched and kept, so that a second clone starts at once. */
export interface ToolFolders {
  /** Folders of `PATH`, in order. */
  readonly searchPath: readonly string[];
  /** The same folders and the one of Go's own installer, which often is not on the PATH. */
  readonly goSearchPath: readonly string[];
  /** `order-saga` in the user's cache folder. */
  readonly cacheFolder: string;
}

/** Reads the folders of tools; it never fails. */
export function loadToolFolders(env: EnvironmentVariables): ToolFolders {
  const { PATH, XDG_CACHE_HOME } = parse(toolSchema, env);
  const searchPath = PATH.split(':').filter((folder) => folder !== '');
  return {
    searchPath,
    goSearchPath: [...searchPath, '/usr/local/go/bin'],
    cacheFolder: join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'order-saga'),
  };
}

const tokenSchema = z.object({
  JWT_SECRET: z.string({ error: 'is not set: run `npm start` once, which makes one, or set the secret of your API' }),
  JWT_ISSUER: z.string().default(TOKEN_ISSUER),
  JWT_AUDIENCE: z.string().default(TOKEN_AUDIENCE),
  JWT_MAX_LIFETIME_SECONDS: z.coerce.number().int().min(1).default(2_592_000),
  JWT_ROLES_CLAIM: rolesClaim,
});

/** Reads the settings for signing tokens. */
export function loadTokenSettings(env: EnvironmentVariables) {
  const values = parse(tokenSchema, env);
  return {
    secret: values.JWT_SECRET,
    issuer: values.JWT_ISSUER,
    audience: values.JWT_AUDIENCE,
    maxLifetimeSeconds: values.JWT_MAX_LIFETIME_SECONDS,
    rolesClaim: values.JWT_ROLES_CLAIM,
  };
}

const mailSinkSchema = z.object({
  MAIL_SINK_SMTP_PORT: PORT_VARIABLES.MAIL_SINK_SMTP_PORT,
  MAIL_SINK_INBOX_PORT: PORT_VARIABLES.MAIL_SINK_INBOX_PORT,
  MAIL_SINK_HOST: HOST_VARIABLES.MAIL_SINK_HOST,
  MAIL_SINK_FILE: z.string().optional(),
  MAIL_SINK_KEPT: z.coerce.number().int().positive().default(INBOX_LIMIT),
});

/** Reads the settings of the mail sink process. */
export function loadMailSinkSettings(env: EnvironmentVariables) {
  const values = parse(mailSinkSchema, env);
  return {
    smtpPort: values.MAIL_SINK_SMTP_PORT,
    inboxPort: values.MAIL_SINK_INBOX_PORT,
    host: values.MAIL_SINK_HOST,
    file: values.MAIL_SINK_FILE ?? null,
    kept: values.MAIL_SINK_KEPT,
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, env: EnvironmentVariables): z.output<Schema> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(present);
  if (!parsed.success) {
    throw new DevEnvironmentError(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
  }
  return parsed.data;
}
