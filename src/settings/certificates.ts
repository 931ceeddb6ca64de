import { readFileSync } from 'node:fs';
import type { UsedCertificate } from '../runtime/metrics/certificate-expiry.ts';

/** Settings whose files are read once, at the start. Node itself reads the last one. */
const READ_ONCE = ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'TEMPORAL_TLS_CLIENT_CERT_PATH', 'NODE_EXTRA_CA_CERTS'] as const;

/** Parameters of a database's address that name certificates; the driver reads them for each connection. */
const DATABASE_PARAMETERS = ['sslrootcert', 'sslcert'] as const;

/** The certificates of the process's links. The API's own one is not among them: its server knows which one it shows. */
export function certificatesOf(given: Readonly<Record<string, string>>): readonly UsedCertificate[] {
  const once = READ_ONCE.flatMap((setting) => {
    const pem = readOptional(given[setting]);
    return pem === null ? [] : [{ setting, source: { pem } }];
  });
  const databases = Object.entries(given).filter(([name, url]) => name.endsWith('DATABASE_URL') && URL.canParse(url));
  const again = databases.flatMap(([name, url]) =>
    DATABASE_PARAMETERS.flatMap((parameter) => {
      const path = new URL(url).searchParams.get(parameter);
      return path === null ? [] : [{ setting: `${name} ${parameter}`, source: { path } }];
    }),
  );
  return [...once, ...again];
}

/** Node only warns of a file that it cannot read, and goes on without it. */
function readOptional(path: string | undefined): string | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
