import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, it } from 'vitest';
import { createPayloadCodec, isSealed, PayloadUnreadableError, type PayloadSealing } from './payload-codec.ts';
import { createPayloadTranslator } from './payload-json.ts';

const older = { id: '2025', key: randomBytes(32) };
const newer = { id: '2026', key: randomBytes(32) };
const sealing: PayloadSealing = { mode: 'seal', keys: [older], namespace: 'default' };
const plain = defaultPayloadConverter.toPayload({ email: 'ada@example.com' });

async function sealed(options: PayloadSealing = sealing): Promise<Payload> {
  const [payload = {}] = await createPayloadCodec(options).encode([plain]);
  return payload;
}

async function opened(payload: Payload, options: PayloadSealing = sealing): Promise<unknown> {
  const [found = {}] = await createPayloadCodec(options).decode([payload]);
  return defaultPayloadConverter.fromPayload(found);
}

it('A sealed payload shows nothing of its content, and opens to the same', async () => {
  const payload = await sealed();
  expect(isSealed(payload)).toBe(true);
  expect(Buffer.from(payload.data ?? []).toString('latin1')).not.toMatch(/ada|email|json/);
  expect(await opened(payload)).toEqual({ email: 'ada@example.com' });
});

it('The same content is sealed differently each time', async () => {
  expect(await sealed()).not.toEqual(await sealed());
});

it('A new key in front seals, and the older ones still open', async () => {
  const before = await sealed();
  const rotated: PayloadSealing = { ...sealing, keys: [newer, older] };
  expect(await opened(before, rotated)).toEqual({ email: 'ada@example.com' });
  const after = await sealed(rotated);
  await expect(opened(after)).rejects.toThrow('no key "2026"');
  expect(await opened(after, { ...sealing, keys: [newer] })).toEqual({ email: 'ada@example.com' });
});

it('Reading writes plain payloads and opens sealed ones', async () => {
  const reading: PayloadSealing = { ...sealing, mode: 'read' };
  expect(await sealed(reading)).toEqual(plain);
  expect(await opened(await sealed(), reading)).toEqual({ email: 'ada@example.com' });
});

it.each(['read', 'seal'] as const)('A plain payload is read in the mode %s', async (mode) => {
  expect(await opened(plain, { ...sealing, mode })).toEqual({ email: 'ada@example.com' });
});

it('A plain payload is refused where sealing is required', async () => {
  await expect(opened(plain, { ...sealing, mode: 'require' })).rejects.toThrow(PayloadUnreadableError);
});

it('A changed byte is refused without a word about the content', async () => {
  const payload = await sealed();
  const data = Uint8Array.from(payload.data ?? []);
  for (const at of [0, 20, data.length - 1]) {
    const changed = data.with(at, (data[at] ?? 0) ^ 1);
    await expect(opened({ ...payload, data: changed })).rejects.toThrow(/^a payload .* its content or its key "2025"/);
  }
  await expect(opened({ ...payload, data: new Uint8Array(3) })).rejects.toThrow(PayloadUnreadableError);
});

it('A payload of another namespace is refused', async () => {
  await expect(opened(await sealed(), { ...sealing, namespace: 'other' })).rejects.toThrow(PayloadUnreadableError);
});

it('Both ways of the JSON form fit together', async () => {
  const translator = createPayloadTranslator(sealing);
  const given = { metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: 'eyJhIjoxfQ==' };
  const [box = {}] = await translator.seal([given]);
  expect(box.metadata?.['encoding']).toBe(Buffer.from('binary/encrypted').toString('base64'));
  expect(await translator.open([box])).toEqual([given]);
});
