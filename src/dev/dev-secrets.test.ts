import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../config.ts';
import { createTextSealer } from '../domain/personal-data/text-sealer.ts';
import { DevEnvironmentError } from './dev-environment.ts';
import { dataPaths } from './dev-files.ts';
import { chooseSecrets } from './dev-secrets.ts';

const NONE = { jwtSecret: null, contactKeys: null, paymentWebhookSecret: null };
const GIVEN_KEY = `mine:${randomBytes(32).toString('base64')}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'order-saga-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const start = (given: Partial<typeof NONE | Record<keyof typeof NONE, string>> = {}) =>
  chooseSecrets(dataPaths(folder), { ...NONE, ...given });

function sealerOf(secrets: ReturnType<typeof start>) {
  return createTextSealer(loadConfig({ DATABASE_URL: 'postgres://x@127.0.0.1/x', ...secrets }).contactKeys);
}

it('The secrets of a development system are made by the first start, for this user only, and kept', () => {
  const first = start();
  expect(Buffer.from(first.JWT_SECRET, 'base64url')).toHaveLength(32);
  expect(Buffer.from(first.CONTACT_KEYS.replace(/^dev1:/, ''), 'base64')).toHaveLength(32);
  expect(first.PAYMENT_WEBHOOK_SECRET).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(statSync(dataPaths(folder).secretsFile).mode & 0o777).toBe(0o600);
  expect(start()).toEqual(first);
});

it('The secrets of a development system outlive a start that was given others', () => {
  const first = start();
  const jwtSecret = 'a secret for one start, longer than 32';
  expect(start({ jwtSecret, paymentWebhookSecret: 'whsec_x' })).toMatchObject({
    JWT_SECRET: jwtSecret,
    PAYMENT_WEBHOOK_SECRET: 'whsec_x',
  });
  expect(start()).toEqual(first);
});

it('The secrets of a development system open whatever was sealed by an earlier start, with the keys that were given to it or without', () => {
  const [own, given, ownAgain] = [start(), start({ contactKeys: GIVEN_KEY }), start()].map(sealerOf);
  const sealedByOwn = own?.seal('ord_1', 'a') ?? { keyId: '', box: '' };
  const sealedByGiven = given?.seal('ord_1', 'b') ?? { keyId: '', box: '' };
  expect([sealedByOwn.keyId, sealedByGiven.keyId]).toEqual(['dev1', 'mine']);
  expect(given?.open('ord_1', sealedByOwn)).toBe('a');
  expect(ownAgain?.open('ord_1', sealedByGiven)).toBe('b');
  expect(ownAgain?.seal('ord_1', 'c').keyId).toBe('dev1');
});

it('The secrets of a development system are not replaced by keys that cannot be used, and block no later start', () => {
  const first = start();
  for (const contactKeys of ['mine', `dev1:${randomBytes(32).toString('base64')}`, 'mine:c2hvcnQ=']) {
    expect(() => start({ contactKeys })).toThrow(DevEnvironmentError);
  }
  expect(start()).toEqual(first);
});

it('The secrets of an earlier version are found among its addresses', () => {
  const { environmentFile, secretsFile } = dataPaths(folder);
  writeFileSync(environmentFile, `JWT_SECRET='${'s'.repeat(40)}'\nCONTACT_KEYS='${GIVEN_KEY}'\n`);
  expect(start()).toMatchObject({ JWT_SECRET: 's'.repeat(40), CONTACT_KEYS: GIVEN_KEY });
  expect(existsSync(secretsFile)).toBe(true);
});
