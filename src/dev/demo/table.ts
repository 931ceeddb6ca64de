import { toMajor } from '../../domain/payments/currency.ts';
import type { Stock } from './client.ts';
import type { Ending, Money, Snapshot } from './stage.ts';

const HEADER = ['order', 'what happened', 'stock (on hand/held)', 'money in EUR (captured/refunded)'];

/** The table that the demo ends with: one row per scenario, each with the figures before and after it. */
export function endingsTable(endings: readonly Ending[]): string {
  return formatTable(HEADER, endings.map(rowOf));
}

/** Aligns columns with two blanks between them and a rule below the header, without trailing blanks. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => (cells[column] ?? '').padEnd(width))
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function rowOf({ orderId, happened, before, after }: Ending): string[] {
  const change = (show: (snapshot: Snapshot) => string): string =>
    before === null || after === null ? '?' : `${show(before)} -> ${show(after)}`;
  return [orderId ?? '?', happened, change(({ stock }) => stockText(stock)), change(({ money }) => moneyText(money))];
}

function stockText({ onHand, reserved }: Stock): string {
  return `${onHand}/${reserved}`;
}

function moneyText({ capturedMinor, refundedMinor }: Money): string {
  return `${euros(capturedMinor)}/${euros(refundedMinor)}`;
}

/** Cents as people write them. */
export function euros(amountMinor: number): string {
  return toMajor(amountMinor, 'EUR');
}
