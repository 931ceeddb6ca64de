import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { takeArguments } from '../src/runtime/command-arguments.ts';
import { renderApiDocument } from './api-document.ts';
import { renderBenchmarkReference } from './references/benchmark-reference.ts';
import { DASHBOARDS } from './dashboards/render-dashboards.ts';
import { renderDecisionIndex } from './decision-index.ts';
import { renderErrorReference } from './references/error-reference.ts';
import { renderEventsReference } from './references/events-reference.ts';
import { renderLoadReference } from './references/load-reference.ts';
import { renderLogReference } from './references/log-reference.ts';
import { renderReliabilityReference } from './references/reliability-reference.ts';
import { renderRequirements } from './requirements/render-requirements.ts';
import { renderRoleReference } from './references/role-reference.ts';
import { renderPrometheusRule } from './prometheus-rule.ts';

const USAGE = `npm run docs -- [--check]
  Writes the documents that are made from code.
  --check   only says which are out of date`;

// Entry of `npm run docs`.
const { check } = takeArguments(USAGE, { options: { check: { type: 'boolean', default: false } } }).values;

const DOCUMENTS = {
  'docs/adr/README.md': renderDecisionIndex,
  'docs/benchmark-results.md': renderBenchmarkReference,
  'docs/errors.md': renderErrorReference,
  'docs/events-results.md': renderEventsReference,
  'docs/load-results.md': renderLoadReference,
  'docs/logs.md': renderLogReference,
  'docs/openapi.json': renderApiDocument,
  'docs/reliability.md': renderReliabilityReference,
  'docs/requirements.md': renderRequirements,
  'docs/roles.md': renderRoleReference,
  'ops/kubernetes/overlays/production/prometheus-rule.yaml': renderPrometheusRule,
  ...DASHBOARDS,
} as const satisfies Record<string, () => string>;

const outdated: string[] = [];
for (const [name, render] of Object.entries(DOCUMENTS)) {
  const file = join(PROJECT_FOLDER, name);
  const text = render();
  if ((await readFile(file, 'utf8').catch(() => null)) === text) continue;
  outdated.push(name);
  if (!check) await writeFile(file, text);
}
if (check) {
  if (outdated.length > 0) {
    console.error(`Out of date: ${outdated.join(', ')}. Run "npm run docs".`);
    process.exitCode = 1;
  }
} else {
  console.log(outdated.length === 0 ? 'The documents are up to date.' : `Written: ${outdated.join(', ')}.`);
}
