import { ContactUnreadableError } from '../errors.ts';
import type { SealedText, TextSealer } from './text-sealer.ts';

/** Fields that are sealed in the database where the settings ask for it. */
export const SEALABLE_FIELDS = ['webhook-addresses', 'event-properties'] as const;
export type SealableField = (typeof SEALABLE_FIELDS)[number];

/**
 * Reads and writes a field that may be sealed in the database. A sealed field is the text `sealed:KEY:BOX`; where the
 * plain field is an object, that text is a JSON string, so that neither can be taken for the other.
 */
export interface FieldSealer {
  /** The text in the form in which it is stored: sealed about one thing, or as it is when sealing is off. */
  seal(about: string, text: string): string;
  /**
   * The text of a stored field, whether it was sealed or not.
   * @throws {ContactUnreadableError} when the key is unknown or the field was changed.
   */
  open(about: string, stored: string): string;
  /** An object in the form in which it is stored. */
  sealObject<Value extends object>(about: string, value: Value): Value | string;
  /**
   * The object of a stored field, whether it was sealed or not.
   * @throws {ContactUnreadableError} when the key is unknown or the field was changed.
   */
  openObject<Value extends object>(about: string, stored: Value | string): Value;
  /** Whether new fields are sealed. */
  readonly isSealing: boolean;
}

const PREFIX = 'sealed:';

/** The parts of a sealed field; null for a plain one. */
export function parseSealedField(stored: string): SealedText | null {
  if (!stored.startsWith(PREFIX)) return null;
  const end = stored.indexOf(':', PREFIX.length);
  return end < 0 ? null : { keyId: stored.slice(PREFIX.length, end), box: stored.slice(end + 1) };
}

/** The stored form of a sealed field. */
export function toSealedField({ keyId, box }: SealedText): string {
  return `${PREFIX}${keyId}:${box}`;
}

/** Fields that were sealed before stay readable when sealing is turned off. */
export function createFieldSealer(sealer: TextSealer, isSealing: boolean): FieldSealer {
  const open = (about: string, stored: string): string => {
    const sealed = parseSealedField(stored);
    return sealed === null ? stored : sealer.open(about, sealed);
  };
  return {
    isSealing,
    seal: (about, text) => (isSealing ? toSealedField(sealer.seal(about, text)) : text),
    open,
    sealObject: (about, value) => (isSealing ? toSealedField(sealer.seal(about, JSON.stringify(value))) : value),
    openObject: <Value extends object>(about: string, stored: Value | string) =>
      typeof stored === 'string' ? (JSON.parse(open(about, stored)) as Value) : stored,
  };
}

/** For a database in which nothing was sealed. */
export const PLAIN_FIELDS: FieldSealer = createFieldSealer(
  {
    seal: () => {
      throw new TypeError('nothing is sealed without a key');
    },
    open: (_, { keyId }) => {
      throw new ContactUnreadableError(keyId);
    },
  },
  false,
);
