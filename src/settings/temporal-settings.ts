import { z } from 'zod';
import { temporalNamespace } from '../runtime/setting-forms.ts';
import { sealingKeys } from './sealing-keys.ts';
import { certificateFile, pairProblems, privateKeyFile } from './tls-files.ts';

/** Variables of the link to Temporal; those of TLS have the names that Temporal's own tools read. */
export const TEMPORAL_VARIABLES = {
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: temporalNamespace.default('default'),
  TEMPORAL_UI_URL: z.url().default('http://localhost:8233'),
  TEMPORAL_TLS: z.enum(['true', 'false']).optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificateFile.optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: certificateFile.optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: privateKeyFile.optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  TEMPORAL_API_KEY: z
    .string()
    // It travels in a gRPC header.
    .regex(/^[!-~]+$/, 'must be printable ASCII without spaces')
    .optional(),
  TEMPORAL_SEALING: z.enum(['off', 'read', 'seal', 'require']).default('off'),
  TEMPORAL_SEALING_KEYS: sealingKeys.optional(),
} as const;

/** Each of these turns TLS on; an API key does, because it must not travel in plain text. */
const NEEDS_TLS = [
  'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_KEY_PATH',
  'TEMPORAL_TLS_SERVER_NAME',
  'TEMPORAL_API_KEY',
] as const;

type Given = Readonly<Record<string, unknown>>;

/** Whether the given variables secure the link to Temporal by TLS. */
export function hasTemporalTls(given: Given): boolean {
  return given['TEMPORAL_TLS'] === 'true' || NEEDS_TLS.some((name) => given[name] !== undefined);
}

const temporalVariables = z.object(TEMPORAL_VARIABLES);

/** Contradictions between the variables of the link. */
export function temporalContradictions(given: Given): string[] {
  const problems: string[] = [];
  const needing = NEEDS_TLS.filter((name) => given[name] !== undefined);
  if (given['TEMPORAL_TLS'] === 'false' && needing.length > 0) {
    problems.push(`TEMPORAL_TLS: is false, but ${needing.join(', ')} would need TLS`);
  }
  if (
    !['off', undefined].includes(given['TEMPORAL_SEALING'] as string) &&
    given['TEMPORAL_SEALING_KEYS'] === undefined
  ) {
    problems.push('TEMPORAL_SEALING_KEYS: required by TEMPORAL_SEALING');
  }
  const { TEMPORAL_TLS_CLIENT_CERT_PATH: certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: key } =
    temporalVariables.safeParse(given).data ?? {};
  const names = ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'] as const;
  return [...problems, ...pairProblems(given, names, { certificate, key })];
}

/** Where Temporal is, and how its link is secured. */
export function temporalOf(env: z.output<typeof temporalVariables>) {
  const tls = hasTemporalTls(env) ? { tls: temporalTlsOf(env) } : {};
  return {
    address: env.TEMPORAL_ADDRESS,
    namespace: env.TEMPORAL_NAMESPACE,
    uiUrl: env.TEMPORAL_UI_URL,
    sealing: sealingOf(env),
    ...tls,
    ...(env.TEMPORAL_API_KEY === undefined ? {} : { apiKey: env.TEMPORAL_API_KEY }),
  };
}

function sealingOf(env: z.output<typeof temporalVariables>) {
  const { TEMPORAL_SEALING: mode, TEMPORAL_SEALING_KEYS: keys, TEMPORAL_NAMESPACE: namespace } = env;
  return mode === 'off' || keys === undefined ? null : { mode, keys, namespace };
}

function temporalTlsOf(env: z.output<typeof temporalVariables>) {
  const ca = env.TEMPORAL_TLS_SERVER_CA_CERT_PATH;
  const crt = env.TEMPORAL_TLS_CLIENT_CERT_PATH;
  const key = env.TEMPORAL_TLS_CLIENT_KEY_PATH;
  const serverName = env.TEMPORAL_TLS_SERVER_NAME;
  return {
    ...(ca === undefined ? {} : { serverRootCACertificate: ca.pem }),
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt: crt.pem, key: key.pem } }),
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
  };
}
