import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createSaga } from './saga.ts';

it('The compensations of an order run in reverse, each one after the end of the one before', async () => {
  const saga = createSaga();
  const seen: string[] = [];
  for (const [name, takesMs] of [
    ['release stock', 0],
    ['undo payment', 5],
    ['cancel parcel', 1],
  ] as const) {
    saga.undoWith(name, async () => {
      seen.push(`${name} begins`);
      await sleep(takesMs);
      seen.push(`${name} ends`);
    });
  }
  await saga.unwind();
  expect(seen).toEqual([
    'cancel parcel begins',
    'cancel parcel ends',
    'undo payment begins',
    'undo payment ends',
    'release stock begins',
    'release stock ends',
  ]);
});

it('The compensations of an order do not run unless they are asked for', () => {
  const saga = createSaga();
  saga.undoWith('effect 2', () => expect.unreachable());
});

it('The compensations of an order run once, however often they are asked for', async () => {
  const saga = createSaga();
  let undone = 0;
  saga.undoWith('effect 3', async () => {
    undone += 1;
  });
  await saga.unwind();
  await saga.unwind();
  expect(undone).toBe(1);
});

it('The compensations of an order are nothing for an order that did nothing', async () => {
  await expect(createSaga().unwind()).resolves.toBeUndefined();
});

it('The compensations of an order show a failure instead of swallowing it', async () => {
  const saga = createSaga();
  saga.undoWith('effect 4', () => Promise.reject(new TypeError('a bug')));
  await expect(saga.unwind()).rejects.toThrow('a bug');
});
