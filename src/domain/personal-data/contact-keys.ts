import type { ContactKey } from './contact-sealer.ts';

const KEY_BYTES = 32;
const KEY_PAIR = /^([A-Za-z0-9_.-]{1,32}):(.+)$/;

/** What a list of contact keys has to be, for whoever gave another one. */
export const CONTACT_KEYS_RULE = 'must be id:base64 pairs, each id once, each key 32 bytes long';

/** Reads `id:base64` pairs, newest first; each key has 256 bits. Null when they break the rule. */
export function parseContactKeys(text: string): readonly [ContactKey, ...ContactKey[]] | null {
  const keys = text.split(',').map((pair): ContactKey => {
    // Without its colon a pair would be taken for an id, and ids are stored beside what they seal.
    const [, id = '', key = ''] = KEY_PAIR.exec(pair.trim()) ?? [];
    return { id, key: Buffer.from(key, 'base64') };
  });
  const [first, ...rest] = keys;
  const areDistinct = new Set(keys.map(({ id }) => id)).size === keys.length;
  if (first === undefined || !areDistinct || keys.some(({ key }) => key.byteLength !== KEY_BYTES)) return null;
  return [first, ...rest];
}
