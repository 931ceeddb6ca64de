import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ContactUnreadableError } from '../errors.ts';
import { createFieldSealer, parseSealedField, PLAIN_FIELDS } from './field-sealer.ts';
import { createTextSealer } from './text-sealer.ts';

const sealer = createTextSealer([{ id: 'k1', key: randomBytes(32) }]);
const on = createFieldSealer(sealer, true);
const off = createFieldSealer(sealer, false);
const ADDRESS = 'https://hooks.example.com/t/secret';

it('A field is sealed only where sealing is on, and is read in either form wherever the key is', () => {
  const sealed = on.seal('a', ADDRESS);
  expect(sealed).toMatch(/^sealed:k1:[A-Za-z0-9+/]+=*$/);
  expect(off.seal('a', ADDRESS)).toBe(ADDRESS);
  for (const fields of [on, off]) {
    expect([fields.open('a', sealed), fields.open('a', ADDRESS)]).toEqual([ADDRESS, ADDRESS]);
  }
  expect(parseSealedField(ADDRESS)).toBeNull();
  expect(parseSealedField(sealed)?.keyId).toBe('k1');
});

it('An object is sealed as a text, so that no object that somebody sent is taken for a sealed one', () => {
  const sent = { sealed: 'sealed:k1:AAAA', box: on.seal('a', ADDRESS) };
  const stored = on.sealObject('a', sent);
  expect(stored).toMatch(/^sealed:k1:/);
  for (const fields of [on, off]) {
    expect([fields.openObject('a', stored), fields.openObject('a', sent)]).toEqual([sent, sent]);
  }
  expect(off.sealObject('a', sent)).toBe(sent);
});

it('A sealed field does not open about something else, nor without its key', () => {
  const sealed = on.seal('a', ADDRESS);
  expect(() => on.open('b', sealed)).toThrow(ContactUnreadableError);
  expect(() => PLAIN_FIELDS.open('a', sealed)).toThrow(ContactUnreadableError);
  expect(PLAIN_FIELDS.open('a', ADDRESS)).toBe(ADDRESS);
});
