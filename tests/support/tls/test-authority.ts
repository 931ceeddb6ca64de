import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const openssl = (args: readonly string[], cwd: string) => promisify(execFile)('openssl', args, { cwd });

/** A certificate with its key: the paths of the files and what is in them. */
export interface TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate authority of one test file, in a folder of its own. */
export interface TestAuthority {
  readonly folder: string;
  /** The authority's own certificate. */
  readonly caPath: string;
  readonly ca: Buffer;
  /** Signs a certificate for a server or client; `names` is a `subjectAltName`, for example `DNS:localhost`. */
  issue(file: string, names: string): Promise<TestCertificate>;
  remove(): Promise<void>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes an authority by openssl, which takes a tenth of a second. */
export async function createTestAuthority(): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-ca-'));
  const self = ['-subj', '/CN=test authority', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem'];
  await openssl(['req', '-x509', ...NEW_KEY, ...self], folder);
  const caPath = join(folder, 'ca.pem');
  return {
    folder,
    caPath,
    ca: readFileSync(caPath),
    issue: async (file, names) => {
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-days', '1', '-addext', `subjectAltName=${names}`];
      const out = ['-subj', `/CN=${file}`, '-keyout', `${file}.key`, '-out', `${file}.pem`];
      await openssl(['req', '-x509', ...NEW_KEY, ...signer, ...out, '-addext', 'basicConstraints=CA:FALSE'], folder);
      return readCertificate(join(folder, `${file}.pem`), join(folder, `${file}.key`));
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function readCertificate(certPath: string, keyPath: string): TestCertificate {
  return { certPath, keyPath, cert: readFileSync(certPath), key: readFileSync(keyPath) };
}
