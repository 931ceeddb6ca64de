import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { CONTACT_KEYS_RULE, parseContactKeys } from '../domain/personal-data/contact-keys.ts';
import { DevEnvironmentError, type DevEnvironment } from './dev-environment.ts';
import { writeEnvironmentFile, type dataPaths } from './dev-files.ts';

/** The secrets of a development system. */
export interface DevSecrets {
  readonly JWT_SECRET: string;
  readonly CONTACT_KEYS: string;
  /** Signs the reports of the payment simulator. */
  readonly PAYMENT_WEBHOOK_SECRET: string;
}

type SecretFiles = Pick<ReturnType<typeof dataPaths>, 'secretsFile' | 'environmentFile'>;

const HEAD = 'Made by the first `npm start`, the only copy: what a start was given instead is not written here.';

/**
 * The secrets of a start: those of the environment, else those of the data folder, which are made once. A secret that
 * is given for one start is not kept. A contact key is kept beside the others, because the data that it sealed stay.
 * @throws {DevEnvironmentError} when keys cannot be used; nothing is written then.
 */
export function chooseSecrets(files: SecretFiles, given: DevEnvironment['secrets']): DevSecrets {
  const kept = readKept(files);
  const ownKeys = splitKeys(kept['CONTACT_KEYS'] ?? newContactKey(), `CONTACT_KEYS in ${files.secretsFile}`);
  const givenKeys = given.contactKeys === null ? [] : splitKeys(given.contactKeys, 'CONTACT_KEYS');
  const own: DevSecrets = {
    JWT_SECRET: kept['JWT_SECRET'] ?? randomBytes(32).toString('base64url'),
    PAYMENT_WEBHOOK_SECRET: kept['PAYMENT_WEBHOOK_SECRET'] ?? `whsec_${randomBytes(32).toString('base64')}`,
    CONTACT_KEYS: beside(ownKeys, givenKeys),
  };
  writeEnvironmentFile(files.secretsFile, { ...own }, HEAD);
  return {
    JWT_SECRET: given.jwtSecret ?? own.JWT_SECRET,
    PAYMENT_WEBHOOK_SECRET: given.paymentWebhookSecret ?? own.PAYMENT_WEBHOOK_SECRET,
    CONTACT_KEYS: beside(givenKeys, ownKeys),
  };
}

/** Earlier versions kept the secrets in the file with the addresses of the last start. */
function readKept({ secretsFile, environmentFile }: SecretFiles): NodeJS.Dict<string> {
  const file = [secretsFile, environmentFile].find((path) => existsSync(path));
  return file === undefined ? {} : parseEnv(readFileSync(file, 'utf8'));
}

function newContactKey(): string {
  return `dev1:${randomBytes(32).toString('base64')}`;
}

function splitKeys(text: string, name: string): readonly string[] {
  if (parseContactKeys(text) === null) throw new DevEnvironmentError([`${name}: ${CONTACT_KEYS_RULE}`]);
  return text.split(',').map((pair) => pair.trim());
}

/** The first keys, of which the very first seals, and those of the others that are missing among them. */
function beside(first: readonly string[], others: readonly string[]): string {
  const all = [...new Set([...first, ...others])];
  const ids = all.map((pair) => pair.slice(0, pair.indexOf(':')));
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice === undefined) return all.join(',');
  throw new DevEnvironmentError([`CONTACT_KEYS: another key is kept as ${twice}: give the new one an id of its own`]);
}
