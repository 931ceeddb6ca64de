import type { AuditReport } from './audit.ts';
import { INVARIANTS, type InvariantId } from './invariants/index.ts';

/** Violations of one invariant that are printed one by one; `--json` prints all. */
const PRINTED_MAX = 20;

/** The report for people: a line per invariant, with its violations below it, and the verdict at the end. */
export function formatReport({ violations, checked, skipped, orders, inMotion, tookMs }: AuditReport): string {
  const byInvariant = Map.groupBy(violations, ({ invariant }) => invariant);
  const lines = (Object.keys(INVARIANTS) as InvariantId[]).flatMap((id) => {
    const broken = byInvariant.get(id) ?? [];
    const { title, unit } = INVARIANTS[id];
    if (skipped.includes(id)) return [`${id.padEnd(4)} not checked, its source cannot be read: ${title}`];
    const verdict = broken.length === 0 ? 'ok    ' : 'BROKEN';
    const printed = broken.slice(0, PRINTED_MAX).map(({ subject, message }) => `       ${subject}: ${message}`);
    const more = broken.length - printed.length;
    return [
      `${id.padEnd(4)} ${verdict} ${`${count(checked[id])} ${unit}`.padStart(14)}  ${title}`,
      ...printed,
      ...(more > 0 ? [`       and ${count(more)} more`] : []),
    ];
  });
  const found = violations.length === 0 ? 'clean' : `${count(violations.length)} violation(s)`;
  const verdict = skipped.length === 0 ? found : `${found}, ${skipped.join(', ')} not checked`;
  const seconds = (tookMs / 1_000).toFixed(1);
  return [...lines, `${verdict}: ${count(orders)} orders, ${count(inMotion)} of them in motion, ${seconds} s`].join(
    '\n',
  );
}

/** The report for scripts: every violation, and the invariants' titles beside their counts. */
export function reportToJson(report: AuditReport): string {
  const invariants = Object.entries(INVARIANTS).map(([id, { title, unit }]) => ({
    id,
    title,
    unit,
    checked: report.checked[id as InvariantId],
    skipped: report.skipped.includes(id as InvariantId),
    violations: report.violations.filter(({ invariant }) => invariant === id).length,
  }));
  return JSON.stringify({ ...report, checked: undefined, skipped: undefined, invariants }, null, 2);
}

function count(number: number): string {
  return number.toLocaleString('en');
}
