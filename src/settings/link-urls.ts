import { z } from 'zod';
import { certificateFile, privateKeyFile } from './tls-files.ts';

/** Modes of PostgreSQL's TLS whose names promise something else than the driver does. */
const MISLEADING_MODES: Readonly<Record<string, string>> = {
  allow: 'it falls back to plain text',
  prefer: 'the driver verifies the certificate today, and is about to fall back to plain text',
  require: 'the driver verifies the certificate today, and is about to stop',
  'verify-ca': 'the driver verifies the name today, and is about to stop',
  'no-verify': 'it accepts the certificate of anyone',
};

const DATABASE_FILES = { sslrootcert: certificateFile, sslcert: certificateFile, sslkey: privateKeyFile } as const;

/** Only two modes are what their names say. */
const CLEAR_MODES: readonly (string | undefined)[] = [undefined, 'disable', 'verify-full'];

/** Why the TLS parameters of a connection string cannot be used; null when nothing is wrong with them. */
function databaseUrlProblem(text: string): string | null {
  const { searchParams } = new URL(text);
  const modes = searchParams.getAll('sslmode');
  // The driver takes the last one; a reader takes the first.
  if (modes.length > 1) return 'has sslmode more than once';
  const [mode] = modes;
  if (!CLEAR_MODES.includes(mode)) return `sslmode=${mode}: ${MISLEADING_MODES[mode ?? ''] ?? 'unknown'}; ${ADVICE}`;
  for (const name of ['ssl', 'uselibpqcompat']) {
    if (searchParams.has(name)) return `${name}: changes what sslmode means; leave it out`;
  }
  return databaseFileProblem(searchParams);
}

function databaseFileProblem(parameters: URLSearchParams): string | null {
  for (const [name, file] of Object.entries(DATABASE_FILES)) {
    const path = parameters.get(name);
    if (path === null) continue;
    if (parameters.get('sslmode') !== 'verify-full') return `${name}: needs sslmode=verify-full`;
    const fault = file.safeParse(path).error?.issues[0]?.message;
    if (fault !== undefined) return `${name}: ${fault}`;
  }
  return null;
}

const ADVICE = 'use verify-full, or disable for plain text';

function mailUrlProblem(text: string): string | null {
  const { protocol, searchParams } = new URL(text);
  if (protocol !== 'smtp:' && protocol !== 'smtps:') return 'must begin with smtp:// or smtps://';
  const parameters = [...searchParams];
  if (parameters.some(([name, value]) => name === 'tls.rejectUnauthorized' && value !== 'true')) {
    return 'tls.rejectUnauthorized: would accept the certificate of anyone';
  }
  if (parameters.some(([name, value]) => name === 'requireTLS' && value !== 'true' && value !== 'false')) {
    return 'requireTLS: must be true or false';
  }
  return null;
}

/** A URL without the problem that `problemOf` finds. The message never holds the URL, in which a password may stand. */
function urlWithout(problemOf: (text: string) => string | null) {
  return z.url().superRefine((text, ctx) => {
    const message = URL.canParse(text) ? problemOf(text) : null;
    if (message !== null) ctx.addIssue({ code: 'custom', message });
  });
}

/** The address of a PostgreSQL, in plain text or with every check of TLS. */
export const databaseUrl = urlWithout(databaseUrlProblem);

/** The address of a mail server. */
export const mailUrl = urlWithout(mailUrlProblem);

/** Whether the link is verified TLS. */
export function isVerifiedDatabase(text: string): boolean {
  return new URL(text).searchParams.get('sslmode') === 'verify-full';
}

/** Whether no mail leaves over the link without TLS. */
export function isSecuredMail(text: string): boolean {
  const { protocol, searchParams } = new URL(text);
  return protocol === 'smtps:' || searchParams.getAll('requireTLS').at(-1) === 'true';
}

/** Whether the driver of PostgreSQL stays on this machine: loopback, or the folder of a Unix socket. */
export function isLocalDatabase(text: string): boolean {
  const { hostname, searchParams } = new URL(text);
  const host = decodeURIComponent(searchParams.getAll('host').at(-1) ?? hostname);
  return host.startsWith('/') || isLoopback(host);
}

/** Whether a host is this machine itself, by its name or address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || /^\[?::1\]?$/.test(host) || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/**
 * `PGSSLMODE` speaks for a connection string that names no mode, so that the string alone would not say how the link is
 * secured.
 */
export function databaseModeContradictions({ PGSSLMODE: mode }: Readonly<Record<string, unknown>>): string[] {
  if (mode === undefined || mode === 'disable') return [];
  return ['PGSSLMODE: say sslmode in the address of the database instead'];
}
