import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createEagerSlots, type Admission, type EagerSlots } from './eager-slots.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const SIZE = 4;
const WAITERS = 3 * SIZE;
const BURST = 256;

/** Asks for slots and notes what became of each order. */
function crowd(slots: EagerSlots, tenantId: string) {
  const admissions = new Map<string, Admission>();
  let posted = 0;
  return {
    admissions,
    post: async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        posted += 1;
        const id = `${tenantId}-${posted}`;
        void slots.acquire(id, tenantId).then((admission) => admissions.set(id, admission));
      }
      await vi.advanceTimersByTimeAsync(0);
    },
    /** Ends every order that holds a slot. */
    end: () => {
      for (const [id, admission] of admissions) if (admission === 'slot') slots.release(id);
    },
    count: (admission: Admission) => [...admissions.values()].filter((one) => one === admission).length,
  };
}

it('A burst is let in beside slots and waiters, and an overload that follows is refused until it has gone', async () => {
  const slots = createEagerSlots(SIZE);
  const shop = crowd(slots, 'shop');
  await shop.post(SIZE + WAITERS + BURST);
  expect([shop.count('slot'), shop.count('queue'), shop.count('full')]).toEqual([SIZE, BURST, 0]);
  expect(slots.isFull('shop')).toBe(true);
  await shop.post(10);
  expect(shop.count('full')).toBe(10);

  // An overload is never away for long, and each of its posts asks.
  const [queued, refused] = [shop.count('queue'), shop.count('full')];
  for (let turn = 0; turn < 40; turn += 1) {
    await vi.advanceTimersByTimeAsync(250);
    shop.end();
    await shop.post(2 * SIZE);
  }
  expect(shop.count('queue')).toBe(queued);
  expect(shop.count('full') - refused).toBeGreaterThan(40);
  expect(slots.isFull('shop')).toBe(true);

  for (let turn = 0; turn < 24; turn += 1) {
    await vi.advanceTimersByTimeAsync(250);
    shop.end();
  }
  expect(slots.isFull('shop')).toBe(false);
  await shop.post(SIZE + WAITERS);
  await shop.post(BURST);
  expect(shop.count('queue') - queued).toBe(BURST);
});

it('Tenants take turns at the slots, so that one order does not wait for the crowd of another tenant', async () => {
  const slots = createEagerSlots(SIZE);
  const [noisy, quiet] = [crowd(slots, 'noisy'), crowd(slots, 'quiet')];
  await noisy.post(SIZE + WAITERS);
  await quiet.post(1);
  expect(quiet.admissions.size).toBe(0);
  slots.release('noisy-1');
  slots.release('noisy-2');
  await vi.advanceTimersByTimeAsync(0);
  expect([noisy.count('slot'), quiet.count('slot')]).toEqual([SIZE + 1, 1]);
});

it('A tenant finds a place to wait when another tenant has taken all of them', async () => {
  const slots = createEagerSlots(SIZE);
  const [noisy, quiet] = [crowd(slots, 'noisy'), crowd(slots, 'quiet')];
  await noisy.post(SIZE + WAITERS + BURST + 1);
  expect(slots.isFull('noisy')).toBe(true);
  expect(slots.isFull('quiet')).toBe(false);
  await quiet.post(1);
  expect(quiet.count('full')).toBe(0);
});

/** Slots that change so slowly that two changes are beyond the wait of two seconds. */
async function slowSlots() {
  const slots = createEagerSlots(SIZE);
  const shop = crowd(slots, 'shop');
  for (let order = 1; order <= 200; order += SIZE) {
    await shop.post(SIZE);
    await vi.advanceTimersByTimeAsync(1_500);
    for (let one = order; one < order + SIZE; one += 1) slots.release(`shop-${one}`);
  }
  return { slots, shop };
}

it('Where slots change slowly a small crowd is made to wait, and takes the queue when its time is over', async () => {
  const { shop } = await slowSlots();
  await shop.post(SIZE + WAITERS);
  expect(shop.count('queue')).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(shop.count('queue')).toBe(WAITERS);
});

it('Where slots change slowly only those may wait in an overload who are served in time', async () => {
  const { slots, shop } = await slowSlots();
  await shop.post(SIZE + WAITERS + BURST);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(shop.count('queue') + shop.count('full')).toBe(WAITERS + BURST);
  shop.end();
  const refused = shop.count('full');
  await shop.post(SIZE + WAITERS);
  expect(shop.count('full') - refused).toBeGreaterThan(WAITERS / 2 - 2);
  expect(shop.count('full') - refused).toBeLessThan(WAITERS);
  expect(slots.isFull('shop')).toBe(true);
});

it.each(['takePayment', 'sendMessage'])(
  'Nobody is refused while orders wait in %s for a slow partner, because the queue keeps what comes',
  async (slowStep) => {
    const slots = createEagerSlots(SIZE);
    const shop = crowd(slots, 'shop');
    for (let order = 0; order < 20; order += 1) {
      for (const step of ['openOrder', 'holdStock', 'commitStock', 'confirmOrder'])
        slots.stepEnded({ step, seconds: 0.05 });
      slots.stepEnded({ step: slowStep, seconds: 2 });
    }
    await shop.post(SIZE + WAITERS + 2 * BURST);
    expect(shop.count('full')).toBe(0);
    expect(slots.isFull('shop')).toBe(false);
  },
);

it('A busy machine, on which all steps are slow, is not taken for a slow partner', async () => {
  const slots = createEagerSlots(SIZE);
  const shop = crowd(slots, 'shop');
  for (let order = 0; order < 20; order += 1) {
    for (const step of ['openOrder', 'holdStock', 'takePayment', 'commitStock', 'confirmOrder', 'sendMessage']) {
      slots.stepEnded({ step, seconds: 1 });
    }
  }
  await shop.post(SIZE + WAITERS + BURST + 1);
  expect(shop.count('full')).toBe(1);
});

it('An order that found no slot in time takes the queue, and leaves its place to the next one', async () => {
  const slots = createEagerSlots(SIZE);
  const shop = crowd(slots, 'shop');
  await shop.post(SIZE);
  await vi.advanceTimersByTimeAsync(500);
  await shop.post(1);
  await vi.advanceTimersByTimeAsync(1_400);
  await shop.post(1);
  await vi.advanceTimersByTimeAsync(700);
  expect([shop.count('queue'), shop.admissions.size]).toEqual([1, SIZE + 1]);
  slots.release('shop-1');
  await vi.advanceTimersByTimeAsync(0);
  expect(shop.admissions.get(`shop-${SIZE + 2}`)).toBe('slot');
});

it('An order holds its slot for longer on a busy machine than while it waits for a slow partner', async () => {
  const slots = createEagerSlots(SIZE);
  await crowd(slots, 'busy').post(1);
  await vi.advanceTimersByTimeAsync(2_100);
  expect(slots.inUse()).toBe(1);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(slots.inUse()).toBe(0);

  for (let order = 0; order < 3; order += 1) slots.stepEnded({ step: 'takePayment', seconds: 2 });
  await crowd(slots, 'waiting').post(1);
  await vi.advanceTimersByTimeAsync(2_100);
  expect(slots.inUse()).toBe(0);
});
