import type { ContactKey } from './contact-sealer.ts';

const KEY_BYTES = 32;
const KEY_PAIR = /^([A-Za-z0-9_.-]{1,32}):(.+)$/;

/** The format of a list of contact keys, for the message about a wrong list. */
export const CONTACT_KEYS_RULE = 'must be id:base64 pairs, each id once, each key 32 bytes long';

/** Reads `id:base64` pairs, newest first; each key has 256 bits. Null when the text breaks the rule. */
export function parseContactKeys(text: string): readonly [ContactKey, ...ContactKey[]] | null {
  const keys = text.split(',').map((pair): ContactKey => {
    // A pair without its colon must not be read as an id, because ids are stored beside the data that they seal.
    const [, id = '', key = ''] = KEY_PAIR.exec(pair.trim()) ?? [];
    return { id, key: Buffer.from(key, 'base64') };
  });
  const [first, ...rest] = keys;
  const areDistinct = new Set(keys.map(({ id }) => id)).size === keys.length;
  if (first === undefined || !areDistinct || keys.some(({ key }) => key.byteLength !== KEY_BYTES)) return null;
  return [first, ...rest];
}
