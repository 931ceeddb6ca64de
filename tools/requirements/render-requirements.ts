import { readResult } from '../committed-result.ts';
import { renderTable } from '../markdown-table.ts';
import { BRIEF, BUDGET, type Requirement } from './requirements.ts';
import { readResults, type Results } from './results.ts';

/** `docs/requirements.md`: what was asked for, beside what the committed results say. */
export function renderRequirements(): string {
  const results = readResults();
  return `# Requirements

<!-- Made by \`npm run docs\` from bench/results/ and tools/requirements/. -->

Every figure and promise that was asked for, beside what was measured: **met**, **missed**, or **not measured yet** where the
results of a run are not committed. \`npm run docs\` writes this page from \`bench/results/\`, and \`npm run check\` compares it,
so no figure is remembered. The service, Temporal, PostgreSQL, the stand-ins for payment and mail, and the load shared two cores
([benchmark.md](benchmark.md)). What larger machines would carry is arithmetic: \`npm run capacity\`, [cost.md](cost.md).
\`npm run bench\` writes its results to \`bench/results/\`; the reports of \`npm run chaos\` and \`npm run soak\`
(\`report.json\` in \`.data/\`) are copied there.

The runs: ${runsText()}.

## The brief

${tableOf(BRIEF, results)}

## The budget

What the project wants beyond it, on the same two cores.

${tableOf(BUDGET, results)}
`;
}

/** When each committed result was measured, and of which commit. */
function runsText(): string {
  const files = new Set([...BRIEF, ...BUDGET].map(({ file }) => file));
  return [...files].flatMap(runText).join(', ');
}

function runText(file: string): string[] {
  const run = readResult(file) as { readonly at: string; readonly commit?: string | null } | null;
  if (run === null) return [];
  return [`\`${file}\` ${run.at.slice(0, 10)}${run.commit == null ? '' : ` (${run.commit})`}`];
}

/** The words for what a requirement has come to. */
export function verdictOf({ read }: Requirement, results: Results): 'met' | 'missed' | 'not measured yet' {
  const figure = read(results);
  if (figure === null) return 'not measured yet';
  return figure.isMet ? 'met' : 'missed';
}

function tableOf(requirements: readonly Requirement[], results: Results): string {
  const rows = requirements.map((requirement) => [
    requirement.what,
    requirement.target,
    requirement.read(results)?.text ?? '',
    verdictOf(requirement, results),
    requirement.command === null ? 'to come' : `\`${requirement.command}\``,
  ]);
  return renderTable(['what', 'target', 'measured', 'result', 'command'], rows);
}
