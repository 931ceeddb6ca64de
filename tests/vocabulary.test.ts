import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';

const PROJECT = join(import.meta.dirname, '..');

/** Words that every engineer of this field reads without an explanation. */
const KNOWN_WORDS = new Set(
  `access activities alerts api apiserver archive audit bench browser capacity cases catalog chaos checker checks cli
  cmd compose composition console containers dashboards data database db dbos demo dev dockerfile domain events
  faults gateways histories http image internal invariants inventory kube kubernetes links load mail messages meta
  metrics migrations money monitor node notifications operations operators order orders outages payment payments
  peers personal plants postgres processes produce reference replay report repositories requirements restate results runtime
  saga samplers schema service settings simulator soak src steps stripe supervisor support systems temporal tests tls
  tools tracing types workflows workload
  command event log maintain notification upgrade workflow`
    .split(/\s+/)
    .flatMap((word) => [word, singular(word)]),
);

function singular(word: string): string {
  return word.replace(/ies$/, 'y').replace(/s$/, '');
}

/** The words of the section Terms that stand in bold. */
function readTerms(): Set<string> {
  const text = readFileSync(join(PROJECT, 'docs/architecture.md'), 'utf8');
  const [, terms = ''] = /^## Terms$(.*?)^## /ms.exec(text) ?? [];
  const words = [...terms.matchAll(/\*\*([^*]+)\*\*/g)].flatMap(([, term = '']) => term.toLowerCase().split(/[\s-]+/));
  return new Set(words.flatMap((word) => [word, singular(word)]));
}

function listUnexplained(names: readonly string[]): string[] {
  const terms = readTerms();
  const isExplained = (word: string): boolean =>
    [word, singular(word)].some((form) => KNOWN_WORDS.has(form) || terms.has(form));
  return names.filter((name) => !name.split(/-|(?=[A-Z])/).every((word) => isExplained(word.toLowerCase())));
}

it('The names of folders are words of the field, or stand in Terms', () => {
  const folders = globSync('{src,db,bench,chaos,tests,tools}/**/', { cwd: PROJECT, exclude: ['**/node_modules/**'] });
  const names = [...new Set(folders.map((folder) => basename(folder)))];
  expect(names.length).toBeGreaterThan(50);
  expect(listUnexplained(names)).toEqual([]);
});

it('The names of workflows are words of the field, or stand in Terms', () => {
  const text = readFileSync(join(PROJECT, 'src/workflows/index.ts'), 'utf8');
  const names = [...text.matchAll(/\b(\w+Workflow)\b/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(10);
  expect(listUnexplained(names)).toEqual([]);
});

it('A word of our own that Terms does not explain is found', () => {
  expect(listUnexplained(['case-desk', 'order-carriage', 'events'])).toEqual(['case-desk', 'order-carriage']);
});
