import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Figures } from './metrics.ts';

/** A certificate, a chain or a bundle of authorities that the process uses. */
export interface UsedCertificate {
  /** The setting that names its file. */
  readonly setting: string;
  /** The PEM text; a path when the file is read again for each connection. */
  readonly source: { readonly pem: string } | { readonly path: string };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g;

/**
 * When the first certificate of a text ends, in seconds of Unix time: a chain is refused when one of its certificates is.
 * Null when the text holds no certificate.
 */
export function expirySecondsOf(pem: string): number | null {
  const ends = (pem.match(CERTIFICATE) ?? []).map((each) => new X509Certificate(each).validToDate.getTime() / 1_000);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** The end of each certificate by its setting; one that cannot be read now has none. */
export async function readExpiries(certificates: readonly UsedCertificate[]): Promise<Figures> {
  const figures = certificates.map(async ({ setting, source }) => {
    try {
      const seconds = expirySecondsOf('pem' in source ? source.pem : await readFile(source.path, 'utf8'));
      return seconds === null ? [] : [[seconds, { setting }] as const];
    } catch {
      return [];
    }
  });
  return (await Promise.all(figures)).flat();
}
