import { z } from 'zod';
import { certificateFile, pairProblems, privateKeyFile } from './tls-files.ts';

/** Variables that let the API speak HTTPS. */
export const API_TLS_VARIABLES = {
  API_TLS_CERT_PATH: certificateFile.optional(),
  API_TLS_KEY_PATH: privateKeyFile.optional(),
} as const;

const apiTlsVariables = z.object(API_TLS_VARIABLES);

/** Contradictions between the two. */
export function apiTlsContradictions(given: Readonly<Record<string, unknown>>): string[] {
  const { API_TLS_CERT_PATH: certificate, API_TLS_KEY_PATH: key } = apiTlsVariables.safeParse(given).data ?? {};
  return pairProblems(given, ['API_TLS_CERT_PATH', 'API_TLS_KEY_PATH'], { certificate, key });
}

/** The files, which are read again while the API runs; null when it speaks plain HTTP. */
export function apiTlsOf(env: z.output<typeof apiTlsVariables>) {
  if (env.API_TLS_CERT_PATH === undefined || env.API_TLS_KEY_PATH === undefined) return null;
  return { certPath: env.API_TLS_CERT_PATH.path, keyPath: env.API_TLS_KEY_PATH.path };
}
