import { expect, it } from 'vitest';
import { createEventMaker, type EventMix } from './make-events.ts';

const MIX: EventMix = { weights: [{ type: 'purchase', weight: 1 }], duplicates: 0, invalid: 0, users: 10 };

function make(mix: Partial<EventMix>, count = 1_000) {
  return Array.from({ length: count }, createEventMaker({ ...MIX, ...mix }));
}

it('Made events have their types in exact shares', () => {
  const weights = [
    { type: 'purchase', weight: 7 },
    { type: 'page_view', weight: 3 },
  ] as const;
  const events = make({ weights });
  expect(events.filter(({ type }) => type === 'purchase')).toHaveLength(700);
  expect(events.filter(({ type }) => type === 'page_view')).toHaveLength(300);
});

it('Made events repeat exactly the given number of every hundred', () => {
  const events = make({ duplicates: 5 });
  expect(new Set(events.map(({ id }) => id)).size).toBe(950);
});

it('Made events have wrong content in exactly the given number of every hundred', () => {
  const weights = (['purchase', 'page_view', 'user_signup', 'custom'] as const).map((type) => ({ type, weight: 1 }));
  const isWrong = ({ type, userId, properties }: ReturnType<typeof make>[number]): boolean =>
    properties['amount'] === -1 ||
    (type === 'page_view' && !('path' in properties)) ||
    (type === 'user_signup' && userId === undefined);
  expect(make({ weights, invalid: 10 }).filter(isWrong)).toHaveLength(100);
  expect(make({ weights }).filter(isWrong)).toHaveLength(0);
});

it('Made events are by the given number of users', () => {
  expect(new Set(make({ users: 10 }).map(({ userId }) => userId)).size).toBe(10);
});
