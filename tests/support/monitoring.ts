import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

/** A rule of ops/prometheus/rules.yml. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { readonly severity: string };
  readonly annotations?: { readonly summary: string; readonly runbook: string };
}

/** A graph of a page of ops/grafana/dashboards/. */
export interface DashboardPanel {
  readonly page: string;
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly exprs: readonly string[];
}

/** Reads a file of the project. */
export function readProjectFile(path: string): string {
  return readFileSync(join(PROJECT_FOLDER, path), 'utf8');
}

/** All rules that are shipped. */
export function readRules(): readonly Rule[] {
  const { groups } = parse(readProjectFile('ops/prometheus/rules.yml')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

interface Page {
  readonly panels: readonly {
    readonly type: string;
    readonly id: number;
    readonly title: string;
    readonly description?: string;
    readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

/** All panels that are shipped. */
export function readPanels(): readonly DashboardPanel[] {
  const files = globSync('ops/grafana/dashboards/*.json', { cwd: PROJECT_FOLDER }).toSorted();
  return files.flatMap((page) =>
    (JSON.parse(readProjectFile(page)) as Page).panels
      .filter(({ type }) => type !== 'row')
      .map(({ id, title, description = '', fieldConfig, targets = [] }) => ({
        page,
        id,
        title,
        description,
        unit: fieldConfig?.defaults.unit ?? '',
        exprs: targets.map(({ expr }) => expr),
      })),
  );
}

/** The headings of a document, as the addresses of its sections. */
export function sectionsOf(document: string): string[] {
  return [...readProjectFile(document).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
}
