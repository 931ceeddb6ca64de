import { holdsCardNumber } from '../../domain/personal-data/card-number.ts';
import { pointerPart } from './validation.ts';

/** The JSON pointer of a card number in a value, or of the object that has one as a name; null when there is none. */
export function findCardNumber(value: unknown, pointer = ''): string | null {
  if (typeof value === 'string') return holdsCardNumber(value) ? pointer : null;
  if (typeof value === 'number') return isCardNumber(value) ? pointer : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, member] of Object.entries(value)) {
    // The pointer does not repeat the name itself.
    if (holdsCardNumber(name)) return pointer;
    const found = findCardNumber(member, `${pointer}/${pointerPart(name)}`);
    if (found !== null) return found;
  }
  return null;
}

/** Beyond 2^53 the digits are not the ones that were sent, and would not be stored. */
function isCardNumber(value: number): boolean {
  return Number.isSafeInteger(value) && holdsCardNumber(String(value));
}
