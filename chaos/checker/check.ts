import { createDatabases, type Database } from '../../db/client.ts';
import { createAudit, type AuditReport } from '../../src/audit/audit.ts';
import { loadConfig } from '../../src/config.ts';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import type { History } from '../history.ts';
import { describeBroken, readBrokenStock } from '../samplers/stock-sample.ts';
import type { ChaosSystem } from '../system/system.ts';
import { checkAccepted } from './accepted.ts';
import { checkAnswers, checkReads } from './answers.ts';
import { checkCommands } from './commands.ts';
import { checkEnds } from './ends.ts';
import { checkEvents } from './events.ts';
import { violation, type RunFacts, type Violation } from './facts.ts';
import { checkLiveness } from './liveness.ts';
import { checkMails } from './mails.ts';
import { checkMoney } from './money.ts';
import { readFacts } from './read-facts.ts';
import { checkSecrets } from './secrets.ts';
import { checkWebhooks } from './webhooks.ts';

/** The checks of what clients saw and the system left, each a pure function. */
export const CHECKS = {
  accepted: checkAccepted,
  answers: checkAnswers,
  reads: checkReads,
  ends: checkEnds,
  commands: checkCommands,
  money: checkMoney,
  stock: checkSamples,
  events: checkEvents,
  webhooks: checkWebhooks,
  mails: checkMails,
  liveness: checkLiveness,
} as const satisfies Readonly<Record<string, (facts: RunFacts) => Violation[]>>;

/** The result of all checks. */
export interface Check {
  readonly violations: readonly Violation[];
  /** The violations that do not follow from the facts: those of the search for secrets and of the audit. */
  readonly beyondFacts: readonly Violation[];
  readonly facts: RunFacts;
  readonly audit: AuditReport;
}

/** The audit may look again for this long at orders whose workflow has not closed yet. */
const AUDIT_PATIENCE_MS = 30_000;

/** Checks a run after everything has settled: what clients saw, what the system left, and the product's own audit. */
export async function checkRun(system: ChaosSystem, database: Database, history: History): Promise<Check> {
  for (const broken of await readBrokenStock(database)) {
    const { subject, message } = describeBroken(broken);
    history.write({ who: 'checker', op: 'stock', type: 'fail', key: subject, data: { message } });
  }
  const audit = await auditSystem(system);
  // The ledger is read after the audit, so that late effects of the provider have come.
  const facts = await readFacts(system, database, history);
  const beyondFacts = [
    ...(await checkSecrets(system)),
    ...audit.violations.map(({ invariant, subject, message }) => violation(invariant, subject, message)),
  ];
  return { facts, audit, beyondFacts, violations: [...checkFacts(facts), ...beyondFacts] };
}

/** Judges what clients saw and the system left. */
export function checkFacts(facts: RunFacts): Violation[] {
  return Object.values(CHECKS).flatMap((check) => check(facts));
}

/** What the samplers found while the faults struck, each SKU once. */
function checkSamples({ entries }: RunFacts): Violation[] {
  const broken = entries.filter(({ op, type }) => op === 'stock' && type === 'fail');
  const firsts = Map.groupBy(broken, ({ key }) => key ?? '');
  return [...firsts].map(([sku, [first]]) => violation('stock', sku, String(first?.data['message'])));
}

/** The product's audit, whose code is of this tree and not of the one in which a bug is planted. */
export async function auditSystem({ settings }: Pick<ChaosSystem, 'settings'>): Promise<AuditReport> {
  const { database, temporal, payment } = loadConfig(settings.toolEnv);
  const databases = createDatabases(database.urls, {
    poolSize: 4,
    applicationName: 'chaos-audit',
    onIdleError: () => {},
  });
  const client = createTemporalClient(temporal);
  try {
    const sources = { databases, client, paymentGatewayUrl: payment.simulatorUrl };
    return await createAudit(sources, { patienceMs: AUDIT_PATIENCE_MS }).run();
  } finally {
    await client.connection.close();
    await databases.close();
  }
}
