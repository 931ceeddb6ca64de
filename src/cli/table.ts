import { styleText } from 'node:util';
import { moneyText } from '../domain/payments/money-text.ts';
import { formatTable } from '../dev/demo/table.ts';

/** What stands in a cell; null is shown as `-`. */
export type Cell = string | number | null;

/** Prints answers for people. */
export interface Tables {
  /** Columns below their titles; a sentence when there are no rows. */
  table(header: readonly string[], rows: readonly (readonly Cell[])[]): string;
  /** One line per name, the values below each other. */
  fields(pairs: readonly (readonly [name: string, value: Cell])[]): string;
}

/** Creates the printer; titles are bold with `colors`, otherwise nothing but text is printed. */
export function createTables({ colors }: { readonly colors: boolean }): Tables {
  // The caller has looked at its output already; the default would look at standard output again.
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

/** Clients choose references and reasons: line breaks, escape sequences and direction marks would act on a terminal. */
export function textOf(value: Cell): string {
  if (value === null || value === '') return '-';
  return String(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·');
}

/** An amount as people write it, such as `45.00 EUR`; null is null. */
export function amountText(amountMinor: number | null, currency: string): string | null {
  return amountMinor === null ? null : moneyText(amountMinor, currency);
}
