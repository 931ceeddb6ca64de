import { SCOPES, type Scope } from '../domain/access/scopes.ts';
import { ROLE_NAMES, type Role } from '../domain/access/roles.ts';
import { systemLine } from '../runtime/system-line.ts';
import { takeArguments } from '../runtime/command-arguments.ts';
import { loadTokenSettings } from './dev-environment.ts';
import { signDevToken } from './dev-token.ts';

const USAGE = `npm run --silent token -- [--tenant demo] [--scopes orders:read,orders:write] [--roles support] [--ttl 1h] [--subject grace]
  --tenant   1-64 letters, digits, "_", ".", "-" (default: demo)
  --scopes   any of ${SCOPES.join(', ')} (default: all, none with --roles)
  --roles    any of ${ROLE_NAMES.join(', ')}
  --ttl      how long it is valid: 30s, 15m, 1h, 30d (default: 1h)
  --subject  whose token it is, as histories and approvals name the person: 1-64 characters as in a tenant or an
             e-mail address (default: dev)`;

const TENANT = /^[A-Za-z0-9_.-]{1,64}$/;
const SUBJECT = /^[A-Za-z0-9_.@+-]{1,64}$/;
const TTL = /^(?<amount>[1-9]\d{0,5})(?<unit>[smhd])$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

// Entry of `npm run --silent token`: only the token goes to stdout, so that `$(...)` can use it.
try {
  const wishes = readArguments();
  console.error(systemLine(process.env));
  const { maxLifetimeSeconds, ...settings } = loadTokenSettings(process.env);
  if (wishes.ttlSeconds > maxLifetimeSeconds) {
    throw new Error(`--ttl: JWT_MAX_LIFETIME_SECONDS allows ${maxLifetimeSeconds} seconds at most`);
  }
  console.log(await signDevToken({ ...settings, ...wishes }));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}

interface Wishes {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly roles: readonly Role[];
  readonly ttlSeconds: number;
  readonly subject: string;
}

function readArguments(): Wishes {
  const { values } = takeArguments(USAGE, {
    options: {
      tenant: { type: 'string', default: 'demo' },
      scopes: { type: 'string' },
      roles: { type: 'string' },
      ttl: { type: 'string', default: '1h' },
      subject: { type: 'string', default: 'dev' },
    },
  });
  if (!TENANT.test(values.tenant)) throw new Error(`--tenant: "${values.tenant}" is not a tenant`);
  if (!SUBJECT.test(values.subject)) throw new Error(`--subject: "${values.subject}" is not a name`);
  const { tenant, subject, roles: chosen } = values;
  const roles = chosen === undefined ? [] : readList('role', ROLE_NAMES, chosen);
  const scopes = values.scopes ?? (chosen === undefined ? SCOPES.join(',') : null);
  return {
    tenant,
    scopes: scopes === null ? [] : readList('scope', SCOPES, scopes),
    roles,
    ttlSeconds: readTtl(values.ttl),
    subject,
  };
}

function readList<Word extends string>(what: 'scope' | 'role', known: readonly Word[], text: string): Word[] {
  const words = text.split(',').map((word) => word.trim());
  const unknown = words.filter((word) => !known.some((name) => name === word));
  if (unknown.length > 0) throw new Error(`--${what}s: there is no ${what} "${unknown.join('", "')}"`);
  return known.filter((name) => words.includes(name));
}

function readTtl(text: string): number {
  const { amount, unit } = TTL.exec(text)?.groups ?? {};
  const seconds = Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? Number.NaN);
  if (Number.isNaN(seconds)) throw new Error(`--ttl: "${text}" is not a duration`);
  return seconds;
}
