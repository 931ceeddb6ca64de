import { eventReportRows, type EventReport } from '../../bench/events/report.ts';
import { readResult } from '../committed-result.ts';
import { renderTable } from '../markdown-table.ts';

const NOTHING = 'No result is committed yet.';

/** The text of `docs/events-results.md`. */
export function renderEventsReference(): string {
  return renderEvents(readResult('events.json') as EventReport | null);
}

/** The page for this result. */
export function renderEvents(report: EventReport | null): string {
  return `# Results of the benchmark of events

<!-- Made by \`npm run docs\` from bench/results/events.json. -->

What the rows mean: [events-tools.md](events-tools.md#npm-run-bench----events). What was asked for: [requirements.md](requirements.md).

${report === null ? NOTHING : reportText(report)}
`;
}

function reportText(report: EventReport): string {
  const { at, commit, holdSeconds, versions, machine, results } = report;
  const [head = [], ...rows] = eventReportRows(results);
  const parts = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `\`npm run bench -- events\`, ${at.slice(0, 10)}, commit ${commit}, rates held for ${holdSeconds} s; ${parts.join(', ')}.

${renderTable(
  head,
  rows.map((cells) => cells.map((cell) => cell.trim())),
)}

${machine.cores} cores for everything (${machine.cpu}); load: average of the last minute.

![Latency by rate, memory over time, and the comparison of workers](../bench/results/events.png)`;
}
