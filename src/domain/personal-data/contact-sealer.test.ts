import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { createContactSealer, type ContactKey, type SealedContact } from './contact-sealer.ts';
import { ContactUnreadableError } from '../errors.ts';

const CONTACT = { email: 'ada@example.com', phone: '+49 30 1234567' };
const KEY: ContactKey = { id: 'k1', key: randomBytes(32) };
const sealer = createContactSealer([KEY]);

function failureOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

/** The box with one flipped bit. */
function flip({ keyId, box }: SealedContact, at: number): SealedContact {
  const bytes = Buffer.from(box, 'base64');
  bytes.writeUInt8((bytes.at(at) ?? 0) ^ 1, at < 0 ? bytes.length + at : at);
  return { keyId, box: bytes.toString('base64') };
}

it('Sealed contact data opens for its order', () => {
  expect(sealer.open('ord_1', sealer.seal('ord_1', CONTACT))).toEqual(CONTACT);
  expect(sealer.open('ord_1', sealer.seal('ord_1', { email: null, phone: null }))).toEqual({
    email: null,
    phone: null,
  });
});

it('Sealed contact data shows its key id and nothing of its content', () => {
  const sealed = sealer.seal('ord_1', CONTACT);
  expect(sealed.keyId).toBe('k1');
  expect(Buffer.from(sealed.box, 'base64').toString('latin1')).not.toContain(CONTACT.email);
});

it('Sealed contact data looks different each time, so that equal customers cannot be told', () => {
  const boxes = Array.from({ length: 100 }, () => sealer.seal('ord_1', CONTACT).box);
  expect(new Set(boxes).size).toBe(100);
  expect(new Set(boxes.map((box) => box.slice(0, 16))).size).toBe(100);
});

it('Sealed contact data does not open for another order', () => {
  expect(() => sealer.open('ord_2', sealer.seal('ord_1', CONTACT))).toThrow(ContactUnreadableError);
});

it.each([
  ['nonce', 0],
  ['content', 12],
  ['tag', -1],
])('Sealed contact data does not open when its %s was changed', (_, at) => {
  expect(() => sealer.open('ord_1', flip(sealer.seal('ord_1', CONTACT), at))).toThrow(ContactUnreadableError);
});

it.each(['', 'AAAA', 'not base64 at all', Buffer.alloc(27).toString('base64')])(
  'Sealed contact data does not open as %j',
  (box) => {
    expect(() => sealer.open('ord_1', { keyId: 'k1', box })).toThrow(ContactUnreadableError);
  },
);

it('Sealed contact data does not open with a tag that was cut short', () => {
  const { keyId, box } = sealer.seal('ord_1', CONTACT);
  for (const missing of [1, 4, 8, 12]) {
    const short = Buffer.from(box, 'base64').subarray(0, -missing).toString('base64');
    expect(() => sealer.open('ord_1', { keyId, box: short })).toThrow(ContactUnreadableError);
  }
});

it('Sealed contact data does not open with an unknown key, nor under the name of another one', () => {
  const other = createContactSealer([{ id: 'k2', key: randomBytes(32) }]);
  const sealed = sealer.seal('ord_1', CONTACT);
  expect(() => other.open('ord_1', sealed)).toThrow(ContactUnreadableError);
  expect(() => other.open('ord_1', { ...sealed, keyId: 'k2' })).toThrow(ContactUnreadableError);

  const renamed = createContactSealer([{ id: 'k9', key: KEY.key }]);
  expect(() => renamed.open('ord_1', { ...sealed, keyId: 'k9' })).toThrow(ContactUnreadableError);
});

it('Sealed contact data tells nothing but the key id when it does not open', () => {
  const failure = failureOf(() => sealer.open('ord_2', sealer.seal('ord_1', CONTACT)));
  expect(failure).toMatchObject({ code: 'contact_unreadable', keyId: 'k1' });
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain('example.com');
});

it('A rotation of keys seals with the newest key and still opens what older ones sealed', () => {
  const sealedBefore = sealer.seal('ord_1', CONTACT);
  const rotated = createContactSealer([{ id: 'k2', key: randomBytes(32) }, KEY]);

  expect(rotated.seal('ord_1', CONTACT).keyId).toBe('k2');
  expect(rotated.open('ord_1', sealedBefore)).toEqual(CONTACT);
  expect(rotated.open('ord_1', rotated.seal('ord_1', CONTACT))).toEqual(CONTACT);
});
