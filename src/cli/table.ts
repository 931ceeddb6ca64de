import { styleText } from 'node:util';
import { moneyText } from '../domain/payments/money-text.ts';
import { formatTable } from '../dev/demo/table.ts';

/** The content of a cell; null is shown as `-`. */
export type Cell = string | number | null;

/** Prints answers for people. */
export interface Tables {
  /** Columns below their titles; a sentence when there are no rows. */
  table(header: readonly string[], rows: readonly (readonly Cell[])[]): string;
  /** One line per name, the values below each other. */
  fields(pairs: readonly (readonly [name: string, value: Cell])[]): string;
}

/** With `colors` the titles are bold; otherwise only text is printed. */
export function createTables({ colors }: { readonly colors: boolean }): Tables {
  // The caller has checked its output already; the default would check standard output again.
  const title = (text: string): string => (colors ? styleText('bold', text, { validateStream: false }) : text);
  return {
    table: (header, rows) => {
      if (rows.length === 0) return 'There are none.';
      const [first = '', ...rest] = formatTable(
        header,
        rows.map((row) => row.map(textOf)),
      ).split('\n');
      return [title(first), ...rest].join('\n');
    },
    fields: (pairs) => {
      const width = Math.max(0, ...pairs.map(([name]) => name.length));
      return pairs.map(([name, value]) => `${title(name.padEnd(width))}  ${textOf(value)}`).join('\n');
    },
  };
}

/**
 * Clients choose references and reasons: line breaks, escape sequences and direction marks in them would act on a
 * terminal.
 */
export function textOf(value: Cell): string {
  if (value === null || value === '') return '-';
  return String(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·');
}

/** An amount as people write it, for example `45.00 EUR`; null stays null. */
export function amountText(amountMinor: number | null, currency: string): string | null {
  return amountMinor === null ? null : moneyText(amountMinor, currency);
}
