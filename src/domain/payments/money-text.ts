import { exponentOf, toMajor } from './currency.ts';
import type { AmountProblem } from './payment-capabilities.ts';

/** An amount with its currency's code, for example `22.50 EUR`: plain ASCII, the same for every reader. */
export function moneyText(amountMinor: number, currency: string): string {
  return `${toMajor(amountMinor, currency)} ${currency}`;
}

/** An amount with its currency's sign, for example `€22.50`, for mails to customers. */
export function moneyTextWithSign(amountMinor: number, currency: string): string {
  const format = formats.get(currency) ?? createFormat(currency);
  formats.set(currency, format);
  return format.format(toMajor(amountMinor, currency));
}

/** The formats by currency, because making a format costs a hundred times as much as using it. */
const formats = new Map<string, Intl.NumberFormat>();

/** `Intl` supplies the currency's sign; the number of digits comes from our own list of currencies. */
function createFormat(currency: string): Intl.NumberFormat {
  const digits = exponentOf(currency);
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat('en', { style: 'currency', currency, ...fraction });
}

/** What is wrong with an amount, written as the end of a sentence about the amount. */
export function amountProblemText(found: AmountProblem, currency: string): string {
  const text = (amountMinor: number | null): string => moneyText(amountMinor ?? 0, currency);
  switch (found.problem) {
    case 'currency_not_supported':
      return `is in a currency that the payment provider does not take (${currency})`;
    case 'below_minimum':
      return `is under the smallest charge of ${text(found.minimumMinor)}`;
    case 'above_maximum':
      return `is over the largest charge of ${text(found.maximumMinor)}`;
    case 'not_a_multiple':
      return `is no multiple of ${text(found.multipleOfMinor)}`;
    case 'refused_by_provider':
      return 'was refused by the payment provider';
  }
}
