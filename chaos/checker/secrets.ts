import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChaosSystem } from '../system/system.ts';
import { CANARY } from '../workload/order-plans.ts';
import { violation, type Violation } from './facts.ts';

/** Lines of one file that are reported one by one. */
const REPORTED_MAX = 3;

/** No address of a customer and no secret of the service stands in a log. */
export async function checkSecrets({
  logFiles,
  settings,
}: Pick<ChaosSystem, 'logFiles' | 'settings'>): Promise<Violation[]> {
  const { jwtSecret, contactKeys, paymentWebhookSecret } = settings;
  const [, contactKey = contactKeys] = contactKeys.split(':');
  const secrets = {
    'the address of a customer': CANARY,
    'the secret of the tokens': jwtSecret,
    'the key of the contacts': contactKey,
    'the secret of the reports': paymentWebhookSecret,
  };
  const found = await Promise.all(logFiles.map((file) => searchFile(file, Object.entries(secrets))));
  return found.flat();
}

async function searchFile(file: string, secrets: readonly (readonly [string, string])[]): Promise<Violation[]> {
  const found: Violation[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number += 1;
    for (const [what, text] of secrets) {
      if (line.includes(text)) found.push(violation('secrets', basename(file), `line ${number} contains ${what}`));
    }
    if (found.length >= REPORTED_MAX) break;
  }
  return found;
}
