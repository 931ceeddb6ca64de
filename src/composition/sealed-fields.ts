import type { Config } from '../config.ts';
import { createFieldSealer, type FieldSealer, type SealableField } from '../domain/personal-data/field-sealer.ts';
import { createTextSealer } from '../domain/personal-data/text-sealer.ts';

/** Opens a field that may be sealed in the database, and seals it where the settings say so. */
export function sealedField({ contactKeys, storedData }: Config, field: SealableField): FieldSealer {
  return createFieldSealer(createTextSealer(contactKeys), storedData.sealedFields.includes(field));
}
