import { targetRows, type Target } from '../../bench/load-tests/targets.ts';
import { readResult } from '../committed-result.ts';
import { renderTable } from '../markdown-table.ts';

const HEAD = `# Results under load

<!-- Made by \`npm run docs\` from bench/results/overload.json, hot-sku.json and users.json. -->

What the words mean: [load.md](load.md).
`;

/** The part of a result that the document tells; targets stand in the parts, or at the top. */
interface LoadResult {
  readonly at: string;
  readonly commit: string;
  readonly seconds: number;
  readonly machine: { readonly cpu: string; readonly cores: number };
  readonly parts?: readonly { readonly what: string; readonly targets: readonly Target[] }[];
  readonly tenants?: { readonly targets: readonly Target[] } | null;
  readonly targets?: readonly Target[];
  /** One of each round of the hot SKU; one of each number of users. */
  readonly results?: readonly unknown[];
}

/** The tests in the order of the document. */
const JOBS = ['overload', 'hot-sku', 'users'] as const;

/** The text of `docs/load-results.md`. */
export function renderLoadReference(): string {
  return [HEAD, ...JOBS.map((job) => sectionOf(job, readResult(`${job}.json`) as LoadResult | null))].join('\n');
}

/** One test's targets as a table, each with its verdict. */
export function sectionOf(job: string, result: LoadResult | null): string {
  const title = `## npm run bench -- ${job}\n`;
  if (result === null) return `${title}\nNo result is committed yet.\n`;
  const { at, commit, seconds, machine, parts = [], tenants, targets = [], results = [] } = result;
  const rows = [
    ...parts.flatMap(({ what, targets: ofPart }) => targetRows(what, ofPart)),
    ...(tenants === undefined || tenants === null ? [] : targetRows('tenants', tenants.targets)),
    ...targetRows(job, targets),
  ];
  const missed = rows.filter((row) => row.at(-1) === 'missed').length;
  const rounds = job === 'hot-sku' ? ` --rounds ${results.length}` : '';
  const about = `\`npm run bench -- ${job} --seconds ${seconds}${rounds}\`, ${at.slice(0, 10)}, commit ${commit}, ${machine.cores} cores (${machine.cpu}): ${
    rows.length - missed
  } of ${rows.length} targets met.`;
  return `${title}\n${about}\n\n${renderTable(['part', 'target', 'measured', 'limit', 'verdict'], rows)}\n`;
}
