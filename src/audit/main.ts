import { createDatabases } from '../../db/client.ts';
import { OneTenantRoleError, requireAllTenants } from '../../db/tenant-fence.ts';
import { takeArguments } from '../runtime/command-arguments.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { createTemporalClient } from '../temporal/connection.ts';
import { systemLine } from '../runtime/system-line.ts';
import { createAudit, PATIENCE_MS, type AuditReport } from './audit.ts';
import { formatReport, reportToJson } from './report.ts';
import { SourceUnavailableError } from './source-error.ts';

const USAGE = `npm run audit -- [--json]
  Checks orders, stock, payments, histories and workflows of all tenants against each other; changes nothing.
  --json   prints everything for a script (npm run --silent audit: else npm prints what it runs first)
Exit code: 0 clean as far as it could be checked, 1 something is broken, 2 it could not be checked.`;

/** Statements run one after the other; the other connections are for services that share a server. */
const POOL_SIZE = 4;

// Entry of `npm run audit`.
const { values } = takeArguments(USAGE, { options: { json: { type: 'boolean', default: false } } });
try {
  console.error(systemLine(process.env));
  const report = await audit();
  console.log(values.json ? reportToJson(report) : formatReport(report));
  process.exitCode = report.clean ? 0 : 1;
} catch (error) {
  console.error(explain(error));
  process.exitCode = 2;
}

async function audit(): Promise<AuditReport> {
  const { database, temporal, payment } = loadConfig(process.env);
  const databases = createDatabases(database.urls, {
    poolSize: POOL_SIZE,
    applicationName: 'order-saga-audit',
    // The statement that needs the connection reports the error.
    onIdleError: () => {},
  });
  const client = createTemporalClient(temporal);
  try {
    await requireAllTenants(databases.orders);
    return await createAudit(
      { databases, client, paymentGatewayUrl: payment.simulatorUrl },
      { onWait: sayWaiting },
    ).run();
  } finally {
    await client.connection.close();
    await databases.close();
  }
}

function sayWaiting(orders: number): void {
  console.error(`${orders} order(s) do not look right, but may yet: looking again for up to ${PATIENCE_MS / 1_000} s`);
}

/** An error that a person can act on gets one line; a bug gets its stack. */
function explain(error: unknown): string {
  const isForPeople = error instanceof SourceUnavailableError || error instanceof OneTenantRoleError;
  if (isForPeople || error instanceof ConfigError) {
    return `the audit could not be done: ${error.message}`;
  }
  return `the audit could not be done: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
