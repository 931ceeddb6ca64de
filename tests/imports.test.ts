import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';

// The linter's rules on imports refuse what they are there for.

const PROJECT = join(import.meta.dirname, '..');

/** A line of a file that is there for the linter only. */
interface PlantedImport {
  /** A folder, or one file of it. */
  readonly from: string;
  readonly line: string;
}

function pathOf({ from }: PlantedImport): string {
  return from.endsWith('.ts') ? from : `${from}planted.ts`;
}

/** The lines that the linter refuses for what they import. */
function listRefused(planted: readonly PlantedImport[]): Set<PlantedImport> {
  const house = mkdtempSync(join(tmpdir(), 'planted-imports-'));
  try {
    const config = readFileSync(join(PROJECT, '.oxlintrc.json'), 'utf8');
    // Types need the whole project; what a file imports is read from its text.
    writeFileSync(join(house, '.oxlintrc.json'), config.replace('"typeAware": true', '"typeAware": false'));
    const files = Map.groupBy(planted, pathOf);
    for (const [path, imports] of files) {
      mkdirSync(join(house, dirname(path)), { recursive: true });
      writeFileSync(join(house, path), imports.map(({ line }) => `${line}\n`).join(''));
    }
    const linter = join(PROJECT, 'node_modules/.bin/oxlint');
    const { stdout } = spawnSync(linter, ['--format', 'json'], { cwd: house, encoding: 'utf8' });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
    const refusals = diagnostics.filter(({ code }) => code === 'eslint(no-restricted-imports)');
    const lines = refusals.flatMap(
      ({ filename, labels }) => files.get(filename)?.[(labels[0]?.span.line ?? 0) - 1] ?? [],
    );
    return new Set(lines);
  } finally {
    rmSync(house, { recursive: true, force: true });
  }
}

/** The part of the linter's report that is read here. */
interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

/** Folder, or one file of it, and what it must not import as a value. */
const FORBIDDEN: readonly (readonly [from: string, ...to: string[]])[] = [
  ['src/domain/', '../runtime/logger.ts', '../events/ports.ts', '../../db/client.ts', 'zod', '@temporalio/common'],
  ['src/domain/payments/', '../../runtime/logger.ts', '../../gateways/payment-gateway.ts', '../../../db/client.ts'],
  [
    'src/runtime/',
    '../config.ts',
    '../domain/order.ts',
    '../workflows/contract.ts',
    '../../db/client.ts',
    '@temporalio/client',
  ],
  [
    'src/events/',
    '../config.ts',
    '../activities/index.ts',
    '../gateways/alert-gateway.ts',
    '../../db/client.ts',
    'node:fs',
  ],
  ['src/events/types/', '../../activities/index.ts', '../../runtime/logger.ts', '../../../db/client.ts'],
  [
    'src/gateways/',
    '../config.ts',
    '../runtime/logger.ts',
    '../events/ports.ts',
    '../../db/client.ts',
    '@temporalio/common',
  ],
  ['src/gateways/', '../runtime/tracing/start-tracing.ts'],
  ['src/gateways/stripe/', '../../runtime/logger.ts', '../../api/app.ts', '../../../db/client.ts'],
  ['src/simulator/', '../domain/order.ts', '../runtime/logger.ts', '../../db/client.ts', '@temporalio/client'],
  ['src/settings/', '../config.ts', '../api/app.ts', '../temporal/calls.ts', '../../db/client.ts'],
  ['src/workflows/', '../runtime/logger.ts', '../temporal/calls.ts', '../../db/client.ts', 'node:crypto'],
  [
    'src/workflows/',
    '../config.ts',
    '../worker.ts',
    '../activities/index.ts',
    '../gateways/payment-gateway.ts',
    '@temporalio/client',
  ],
  [
    'src/workflows/order/',
    '../order-command-workflow.ts',
    '../../activities/index.ts',
    '../../temporal/calls.ts',
    '../../../db/client.ts',
  ],
  [
    'src/workflows/steps/',
    '../order/fast-path.ts',
    '../order-workflow.ts',
    '../../activities/index.ts',
    '../../runtime/logger.ts',
    '../../../db/client.ts',
  ],
  ['src/activities/', '../temporal/calls.ts', '../api/app.ts', '../../db/client.ts', '@temporalio/client'],
  ['src/activities/', '../workflows/contract.ts', '../composition/workers.ts', '../config.ts'],
  ['src/activities/payments/', '../index.ts', '../webhooks/webhook-publisher.ts', '../../workflows/contract.ts'],
  ['src/activities/payments/', '../../temporal/calls.ts', '../../workflows/order-workflow.ts', '../../../db/client.ts'],
  ['src/activities/webhooks/webhook-publisher.ts', '../../temporal/workflow-starts.ts', '@temporalio/client'],
  ['src/temporal/', '../api/app.ts', '../api/http/problem.ts', '../composition/workers.ts', '../config.ts'],
  ['src/temporal/', '../cli/repair.ts', '../gateways/payment-gateway.ts', '../../db/client.ts', 'pg'],
  ['src/temporal/history/', '../../domain/order.ts', '../../cli/repair.ts', '../../../db/client.ts', 'pg'],
  ['src/audit/invariants/', '../../temporal/calls.ts', '../../config.ts', '../../../db/client.ts'],
  ['src/audit/', '../api/app.ts', '../config.ts', '../cli/repair.ts', '@temporalio/client'],
  ['src/api/', '../composition/api.ts', '../config.ts', '../activities/index.ts', '@temporalio/client'],
  ['src/api/http/', '../app.ts', '../orders/order-reader.ts', '../access/auth.ts', '../../composition/api.ts'],
  ['src/api/access/', '../app.ts', '../orders/order-reader.ts', '../../config.ts', '../../../db/client.ts'],
  ['src/api/orders/', '../app.ts', '../cases/case-routes.ts', '../../activities/index.ts', '@temporalio/client'],
  [
    'src/api/orders/',
    '../../workflows/order-workflow.ts',
    '../../gateways/payment-gateway.ts',
    '../../../db/client.ts',
  ],
  ['src/api/orders/insight/', '../../app.ts', '../../cases/case-routes.ts', '../../../activities/index.ts'],
  ['src/api/console/', '../app.ts', '../orders/order-reader.ts', '../../config.ts', '@temporalio/worker'],
  ['src/composition/process.ts', '@temporalio/client', 'pg'],
  ['src/cli/', '../api/app.ts', '../api/orders/order-reader.ts', '../config.ts', '../simulator/app.ts'],
  ['src/cli/', '@temporalio/client', '../composition/api.ts', '../workflows/order-workflow.ts'],
  ['src/cli/deployment/', '../../config.ts', '../../audit/audit.ts', '../../../db/client.ts', '@temporalio/client'],
  ['src/cli/replay/', '../../api/app.ts', '../../config.ts', '@temporalio/client'],
  ['src/dev/', '../activities/index.ts', '../composition/api.ts', '../cli/repair.ts', '../../db/client.ts'],
  ['src/dev/demo/', '../../api/app.ts', '../../config.ts', '../../simulator/app.ts', '@temporalio/client'],
  ['src/composition/', '../config.ts', '../simulator/app.ts', '@temporalio/client', '@temporalio/worker', 'pg'],
  ['src/combined.ts', '@temporalio/client', '@temporalio/worker', 'drizzle-orm'],
  ['db/', '../src/events/ports.ts', '../src/runtime/logger.ts', '../src/workflows/contract.ts', '@temporalio/client'],
  ['db/', '../src/runtime/tracing/start-tracing.ts'],
  ['db/repositories/orders/', '../../../src/runtime/logger.ts', '../../../src/temporal/calls.ts'],
  ['tests/', 'pg', 'drizzle-orm/node-postgres'],
];

/** What the rules leave alone: types where values are refused, and the neighbors that a folder is there to use. */
const ALLOWED: readonly (readonly [from: string, line: string])[] = [
  ['src/api/orders/', "import type { Client } from '@temporalio/client';"],
  ['src/composition/', "import type { Config } from '../config.ts';"],
  ['src/cli/', "import type { Config } from '../config.ts';"],
  ['src/cli/', "import { orderView } from '../api/orders/order-schemas.ts';"],
  ['src/workflows/', "import type { Activities } from '../activities/index.ts';"],
  ['src/temporal/', "import { Client } from '@temporalio/client';"],
  ['src/api/orders/', "import { recordAction } from '../operator-log.ts';"],
  ['src/api/orders/', "import { createStore } from '../../../db/repositories/orders/order-repository.ts';"],
  [
    'src/activities/payments/',
    "import { createBooks } from '../../../db/repositories/payments/payment-repository.ts';",
  ],
  ['src/gateways/', "import { inSpan } from '../runtime/tracing/spans.ts';"],
  ['db/', "import { inSpan } from '../src/runtime/tracing/spans.ts';"],
  ['tests/', "import { Client } from '@temporalio/client';"],
];

const FORBIDDEN_IMPORTS = FORBIDDEN.flatMap(([from, ...targets]) => targets.map((target) => ({ from, target }))).map(
  (planted, index) => ({ ...planted, line: `import { x as x${index} } from '${planted.target}';` }),
);
const ALLOWED_IMPORTS = ALLOWED.map(([from, line]) => ({ from, line }));
let refused: Set<PlantedImport>;
beforeAll(() => {
  refused = listRefused([...FORBIDDEN_IMPORTS, ...ALLOWED_IMPORTS]);
});

it.each(FORBIDDEN_IMPORTS)('An import of $target is refused in $from', (planted) => {
  expect(refused.has(planted)).toBe(true);
});

it.each(ALLOWED_IMPORTS)('An import is allowed in $from: $line', (planted) => {
  expect(refused.has(planted)).toBe(false);
});
