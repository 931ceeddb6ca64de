import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { createBackgroundLoop, type BackgroundLoop } from './background-loop.ts';

/** The files of a server's certificate and its key, in PEM. */
export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/** Watches the files of a server's certificate. */
export interface CertificateReload extends BackgroundLoop {
  /** The certificate that the server shows to its next caller, in PEM. */
  certificate(): string;
}

/** Who is told when the files have changed. */
export interface CertificateListener {
  /** The next connection gets the new certificate. */
  onReplaced(): void;
  /** The files cannot be used; the server keeps the certificate that it has. */
  onFault(error: unknown): void;
}

/** Every browser and client library of today knows it; older versions are broken. */
const TLS_MIN = 'TLSv1.2';

/**
 * A certificate is renewed days before it ends, so this is soon enough. Files are compared by content: Kubernetes
 * replaces a secret by turning a link to another folder, which no watch of the file itself would notice.
 */
const LOOK_INTERVAL_MS = 10_000;

/**
 * Reads the files for a server.
 * @throws {Error} when one cannot be read or both do not belong together.
 */
export async function readCertificate({ certPath, keyPath }: CertificateFiles): Promise<SecureContextOptions> {
  const [cert, key] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')]);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`${keyPath} is not the key of the certificate in ${certPath}`);
  }
  return { cert, key, minVersion: TLS_MIN };
}

/**
 * Gives a server each new certificate without a restart. A pair that cannot be used is reported once; between the
 * renewal of one file and of the other, that is what a look may find.
 */
export function createCertificateReload(
  server: { setSecureContext(options: SecureContextOptions): void },
  {
    files,
    first,
    intervalMs = LOOK_INTERVAL_MS,
    ...listener
  }: CertificateListener & {
    readonly files: CertificateFiles;
    /** What the server has been started with. */
    readonly first: SecureContextOptions;
    readonly intervalMs?: number;
  },
): CertificateReload {
  let current = first;
  let lastFault = '';
  const loop = createBackgroundLoop(intervalMs, async () => {
    try {
      const found = await readCertificate(files);
      lastFault = '';
      if (found.cert === current.cert && found.key === current.key) return;
      server.setSecureContext(found);
      current = found;
      listener.onReplaced();
    } catch (error) {
      if (String(error) === lastFault) return;
      lastFault = String(error);
      listener.onFault(error);
    }
  });
  return { ...loop, certificate: () => String(current.cert) };
}
