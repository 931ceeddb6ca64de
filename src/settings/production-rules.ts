import { z } from 'zod';
import { parseContactKeys } from '../domain/personal-data/contact-keys.ts';
import { isLocalDatabase, isLoopback, isSecuredMail, isVerifiedDatabase } from './link-urls.ts';
import { hasTemporalTls } from './temporal-settings.ts';

/** `production` refuses to start with links, secrets and collaborators that only development may have. */
export const PROFILE = z.enum(['development', 'production']).default('development');

/** Variables as they were given, without empty ones. */
type Given = Readonly<Record<string, string | undefined>>;

/** Which part of the configuration a program reads. */
interface Reads {
  /** All settings, or only the addresses of databases. */
  readonly everything: boolean;
  /** Whether it verifies tokens, as a program with an API does. */
  readonly tokens: boolean;
}

/**
 * Every reason why the settings are not fit for production; none in another profile.
 *
 * A link that stays on this machine may be plain where a proxy beside the program often ends TLS: to PostgreSQL, to
 * Temporal, to collectors of traces and profiles, and from a balancer to the API. Nobody else can listen there. Mail and payments have no exception, because
 * the mail sink and the simulator are what would be found on loopback.
 */
export function productionProblems(given: Given, reads: Reads): string[] {
  if (given['PROFILE'] !== 'production') return [];
  const rules = [databaseProblems, ...(reads.everything ? EVERYTHING : []), ...(reads.tokens ? API : [])];
  return [...rules.flatMap((rule) => rule(given)), ...verificationProblems(given)].map(
    (problem) => `${problem} (PROFILE is production)`,
  );
}

/** The same for a program that only talks to Temporal. */
export function productionTemporalProblems(given: Given): string[] {
  if (given['PROFILE'] !== 'production') return [];
  return temporalProblems(given).map((problem) => `${problem} (PROFILE is production)`);
}

const DATABASES = [
  'DATABASE_URL',
  'ORDERS_DATABASE_URL',
  'INVENTORY_DATABASE_URL',
  'PAYMENTS_DATABASE_URL',
  'NOTIFICATIONS_DATABASE_URL',
  'EVENTS_DATABASE_URL',
] as const;

/** The variable as a URL; null where it is absent or reported as malformed already. */
function urlOf(given: Given, name: string): string | null {
  const text = given[name];
  return text !== undefined && URL.canParse(text) ? text : null;
}

function databaseProblems(given: Given): string[] {
  return DATABASES.filter((name) => {
    const text = urlOf(given, name);
    return text !== null && !isVerifiedDatabase(text) && !isLocalDatabase(text);
  }).map((name) => `${name}: is a link in plain text; add sslmode=verify-full`);
}

function verificationProblems(given: Given): string[] {
  if (given['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return [];
  return ['NODE_TLS_REJECT_UNAUTHORIZED: is 0, so every link would accept the certificate of anyone'];
}

function temporalProblems(given: Given): string[] {
  const address = given['TEMPORAL_ADDRESS'];
  if (typeof address !== 'string')
    return ['TEMPORAL_ADDRESS: is not set, and the default is the server of `npm start`'];
  const host = address.replace(/:\d+$/, '');
  if (hasTemporalTls(given) || isLoopback(host)) return [];
  return ['TEMPORAL_ADDRESS: is a link in plain text; set TEMPORAL_TLS, or the files of TEMPORAL_TLS_...'];
}

function paymentProblems(given: Given): string[] {
  if (given['PAYMENT_PROVIDER'] !== 'stripe') return ['PAYMENT_PROVIDER: is the simulator, which moves no money'];
  const isTestKey = /^(?:sk|rk)_test_/.test(given['STRIPE_SECRET_KEY'] ?? '');
  return isTestKey ? ['STRIPE_SECRET_KEY: is a key of test mode, which moves no money'] : [];
}

function mailProblems(given: Given): string[] {
  if (given['SMTP_URL'] === undefined) return ['SMTP_URL: is not set, and the default is the mail sink'];
  const text = urlOf(given, 'SMTP_URL');
  if (text === null || isSecuredMail(text)) return [];
  return ['SMTP_URL: is a link in plain text, as to the mail sink; use smtps://, or add requireTLS=true'];
}

const HTTP_LINKS = ['JWT_JWKS_URL', 'STRIPE_API_URL', 'SMS_GATEWAY_URL', 'HIGH_VALUE_ALERT_URL'] as const;

function httpProblems(given: Given): string[] {
  const plain = HTTP_LINKS.filter((name) => {
    const text = urlOf(given, name);
    return text !== null && new URL(text).protocol !== 'https:';
  });
  const problems = plain.map((name) => `${name}: is a link in plain text; use https://`);
  if (given['WEBHOOK_ALLOW_PRIVATE'] !== 'true') return problems;
  return [...problems, 'WEBHOOK_ALLOW_PRIVATE: is true, so webhooks could be sent in plain text and to this network'];
}

/** Programs that often run beside the service, as agents of the machine: they may be plain on loopback. */
const AGENT_LINKS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'PYROSCOPE_SERVER_ADDRESS',
  // Pyroscope's package takes it before the other one.
  'PYROSCOPE_ADHOC_SERVER_ADDRESS',
] as const;

function agentProblems(given: Given): string[] {
  return AGENT_LINKS.filter((name) => {
    const text = urlOf(given, name);
    if (text === null) return false;
    const { protocol, hostname } = new URL(text);
    return protocol !== 'https:' && !isLoopback(hostname);
  }).map((name) => `${name}: is a link in plain text; use https://, or an agent on this machine`);
}

/** `npm start` names its keys dev1, dev2, ...; a key of one repeated byte stands in examples and tests. */
function secretProblems(given: Given): string[] {
  const keys = parseContactKeys(given['CONTACT_KEYS'] ?? '') ?? [];
  return keys
    .filter(({ id, key }) => /^dev\d*$/.test(id) || new Set(key).size === 1)
    .map(({ id }) => `CONTACT_KEYS: ${id} is a key of development`);
}

function tokenProblems(given: Given): string[] {
  if (given['JWT_SECRET'] === undefined) return [];
  return [
    'JWT_SECRET: is for development, because this program could sign the tokens that it verifies; use JWT_JWKS_URL',
  ];
}

function listenProblems(given: Given): string[] {
  const host = given['API_HOST'];
  if (given['API_TLS_CERT_PATH'] !== undefined || host === undefined || isLoopback(host)) return [];
  return ['API_HOST: would serve plain HTTP beyond this machine; set API_TLS_CERT_PATH and API_TLS_KEY_PATH'];
}

type Rule = (given: Given) => string[];

const EVERYTHING: readonly Rule[] = [
  temporalProblems,
  paymentProblems,
  mailProblems,
  httpProblems,
  agentProblems,
  secretProblems,
];
const API: readonly Rule[] = [tokenProblems, listenProblems];
