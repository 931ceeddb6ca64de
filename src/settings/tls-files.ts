import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A PEM file that a setting names. It is read at the start, so that every unusable file is reported at once. */
export interface PemFile {
  readonly path: string;
  readonly pem: Buffer;
}

const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  EACCES: 'the file may not be read',
  EISDIR: 'this is a folder',
};

function pemFile(kind: string, parse: (pem: Buffer) => unknown) {
  return z.string().transform((path, ctx): PemFile => {
    const refuse = (message: string) => {
      ctx.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    let pem: Buffer;
    try {
      pem = readFileSync(path);
    } catch (error) {
      return refuse(FAULTS[(error as NodeJS.ErrnoException).code ?? ''] ?? 'the file cannot be read');
    }
    try {
      parse(pem);
    } catch {
      return refuse(`the file holds no ${kind} in PEM`);
    }
    return { path, pem };
  });
}

/** The path of one certificate, or of a chain that begins with the own one. */
export const certificateFile = pemFile('certificate', (pem) => new X509Certificate(pem));

/** The path of a private key without a passphrase. */
export const privateKeyFile = pemFile('private key without a passphrase', (pem) => createPrivateKey(pem));

/** Why a certificate and its key, each named by a variable, are no pair. */
export function pairProblems(
  given: Readonly<Record<string, unknown>>,
  [certName, keyName]: readonly [string, string],
  { certificate, key }: { readonly certificate: PemFile | undefined; readonly key: PemFile | undefined },
): string[] {
  if ((given[certName] === undefined) !== (given[keyName] === undefined)) {
    return [`${certName}, ${keyName}: one is of no use without the other`];
  }
  if (certificate === undefined || key === undefined) return [];
  const isPair = new X509Certificate(certificate.pem).checkPrivateKey(createPrivateKey(key.pem));
  return isPair ? [] : [`${keyName}: is not the key of the certificate in ${certName}`];
}
