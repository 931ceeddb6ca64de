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
  const slots = createEagerSlots(SIZE, () => false);
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
  const slots = createEagerSlots(SIZE, () => false);
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
  const slots = createEagerSlots(SIZE, () => false);
  const [noisy, quiet] = [crowd(slots, 'noisy'), crowd(slots, 'quiet')];
  await noisy.post(SIZE + WAITERS + BURST + 1);
  expect(slots.isFull('noisy')).toBe(true);
  expect(slots.isFull('quiet')).toBe(false);
  await quiet.post(1);
  expect(quiet.count('full')).toBe(0);
});

/** Slots that change so slowly that two changes are beyond the wait of two seconds. */
async function slowSlots() {
  const slots = createEagerSlots(SIZE, () => false);
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
    const slots = createEagerSlots(SIZE, () => false);
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

it('A busy process does not call a partner slow, because its own calls wait for CPU time', async () => {
  const slots = createEagerSlots(SIZE, () => true);
  const shop = crowd(slots, 'shop');
  for (let order = 0; order < 20; order += 1) slots.stepEnded({ step: 'takePayment', seconds: 2 });
  await shop.post(SIZE + WAITERS + BURST + 1);
  expect([shop.count('queue'), shop.count('full')]).toEqual([BURST, 1]);
});

it('A busy machine, on which all steps are slow, is not taken for a slow partner', async () => {
  const slots = createEagerSlots(SIZE, () => false);
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
  const slots = createEagerSlots(SIZE, () => false);
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

it('While the task queue is behind, an order keeps its slot, and who may wait waits for longer', async () => {
  const slots = createEagerSlots(SIZE, () => false);
  let age = 1;
  slots.watchBacklog(() => age);
  const shop = crowd(slots, 'shop');
  await shop.post(SIZE);
  await shop.post(WAITERS + BURST + 1);
  expect([shop.count('queue'), shop.count('full')]).toEqual([BURST, 1]);
  await vi.advanceTimersByTimeAsync(4_900);
  slots.release('shop-1');
  await vi.advanceTimersByTimeAsync(200);
  expect([shop.count('slot'), shop.count('queue')]).toEqual([SIZE + 1, BURST + WAITERS - 1]);

  age = 10;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(slots.inUse()).toBe(SIZE);
  age = 0;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(slots.inUse()).toBe(0);
});

it.each([0, 10])('A post that is refused is refused at once, with the task queue %s s behind', async (age) => {
  const { slots, shop } = await slowSlots();
  slots.watchBacklog(() => age);
  for (let turn = 0; turn < 40; turn += 1) {
    await shop.post(3 * WAITERS);
    const refused = shop.count('full');
    await vi.advanceTimersByTimeAsync(500);
    expect(shop.count('full')).toBe(refused);
    if (turn % 3 === 0) shop.end();
  }
  expect(shop.count('full')).toBeGreaterThan(1_000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(shop.admissions.size).toBe(200 + 40 * 3 * WAITERS);
});

it('A burst that found slots after all may come again', async () => {
  const { slots, shop } = await slowSlots();
  for (let turn = 0; turn < 30; turn += 1) {
    await shop.post(SIZE + WAITERS);
    for (let ended = 0; ended < 4; ended += 1) {
      await vi.advanceTimersByTimeAsync(400);
      shop.end();
    }
  }
  expect([shop.count('queue'), shop.count('full')]).toEqual([0, 0]);
  expect(slots.isFull('shop')).toBe(false);
});

it('Orders that hold their slots for long let few others wait for one, although none of them has ended', async () => {
  const slots = createEagerSlots(SIZE, () => false);
  const shop = crowd(slots, 'shop');
  await shop.post(SIZE);
  await vi.advanceTimersByTimeAsync(2_500);
  await shop.post(WAITERS + BURST + 1);
  // Four were expected to get a slot in time; the other eight wait as a part of the burst.
  expect([shop.count('queue'), shop.count('full')]).toEqual([BURST - 8, 9]);
  await vi.advanceTimersByTimeAsync(2_000);
  const refused = shop.count('full');
  // The slots have been held for 4.5 s: in two seconds one or two of them will be free.
  await shop.post(WAITERS);
  expect(shop.count('full') - refused).toBe(WAITERS - 2);
});

it('A slot is free again when the oldest order on the task queue is younger than its order', async () => {
  const slots = createEagerSlots(SIZE, () => false);
  slots.watchBacklog(() => 3);
  await crowd(slots, 'elsewhere').post(1);
  await vi.advanceTimersByTimeAsync(9_500);
  expect(slots.inUse()).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(slots.inUse()).toBe(0);
});

it('An order that never ends loses its slot, however far the task queue is behind', async () => {
  const slots = createEagerSlots(SIZE, () => false);
  slots.watchBacklog(() => 100);
  await crowd(slots, 'lost').post(1);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(slots.inUse()).toBe(1);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(slots.inUse()).toBe(0);
});

it('An order holds its slot for longer on a busy machine than while it waits for a slow partner', async () => {
  const slots = createEagerSlots(SIZE, () => false);
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

it('A workflow task has more time on a busy machine on which orders hold their slots for long', async () => {
  const slots = createEagerSlots(SIZE, () => true);
  const shop = crowd(slots, 'shop');
  await shop.post(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(slots.taskTimeoutMs()).toBe(5_000);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(slots.taskTimeoutMs()).toBe(12_000);
});

it('A workflow task never has more than 15 s, since the orders of a dead worker wait for that long', async () => {
  const slots = createEagerSlots(SIZE, () => true);
  slots.watchBacklog(() => 100);
  await crowd(slots, 'shop').post(1);
  await vi.advanceTimersByTimeAsync(50_000);
  expect(slots.taskTimeoutMs()).toBe(15_000);
});

it('A workflow task has its usual time where orders hold their slots for long and the process is idle', async () => {
  const slots = createEagerSlots(SIZE, () => false);
  await crowd(slots, 'shop').post(1);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(slots.taskTimeoutMs()).toBe(5_000);
});
