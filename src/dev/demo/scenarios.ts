import { isAtRest } from '../../domain/order-status.ts';
import type { Claim } from './narrator.ts';
import {
  awaitEnd,
  close,
  type Ending,
  pause,
  type PlacedOrder,
  placeOrder,
  type PlayedOrder,
  type Stage,
} from './stage.ts';
import { euros } from './table.ts';
import type { RetriedStep } from './temporal-view.ts';

/** One thing that can happen to an order, played on a running system. */
export interface Scenario {
  readonly title: string;
  play(stage: Stage): Promise<Ending>;
}

/**
 * All scenarios, in the order in which they are told. Each has its own SKU, so that other orders do not move its stock.
 */
export const SCENARIOS: readonly Scenario[] = [
  { title: 'An order that succeeds', play: playHappyOrder },
  { title: 'A declined payment: the stock that was held for it is given back', play: playDeclinedPayment },
  { title: 'Out of stock: refused before anybody speaks of money', play: playOutOfStock },
  { title: 'A flaky gateway: 503 twice, so the step is retried by its policy', play: playFlakyGateway },
  { title: 'A lost reply: the gateway charges, then the connection breaks', play: playLostReply },
  { title: 'A worker killed in the middle of an order: another one takes over', play: playKilledWorker },
];

/**
 * The charge leaves a few milliseconds after the stock is held and is answered 2 s later (`pm_slow`); the quick local
 * try gives up after 1 s. So 300 ms after the hold the process is in the middle of the payment.
 */
const INTO_PAYMENT_MS = 300;

async function playHappyOrder(stage: Stage): Promise<Ending> {
  const played = await awaitEnd(stage, await placeOrder(stage, { sku: 'SKU-0991', quantity: 2, method: 'pm_ok' }));
  return close(stage, played, { happened: 'confirmed', claims: confirmedOnce(played) });
}

async function playDeclinedPayment(stage: Stage): Promise<Ending> {
  const wish = { sku: 'SKU-0992', quantity: 3, method: 'pm_declined' };
  const played = await awaitEnd(stage, await placeOrder(stage, wish));
  const { order } = played;
  return close(stage, played, {
    happened: 'declined, stock released',
    claims: [
      claim('it is REJECTED: payment_declined', order.status === 'REJECTED' && order.reason === 'payment_declined'),
      claim(
        'its stock was held and is released',
        order.lines.every(({ reservation }) => reservation === 'RELEASED'),
      ),
      stockAsBefore(played),
      claim('nothing was taken', played.after.money.charges === 0),
    ],
  });
}

async function playOutOfStock(stage: Stage): Promise<Ending> {
  const sku = 'SKU-SCARCE';
  const { available } = await stage.shop.stock(sku);
  stage.narrator.say(`there are ${available} of ${sku}, and one more is wanted`);
  const played = await awaitEnd(stage, await placeOrder(stage, { sku, quantity: available + 1, method: 'pm_ok' }));
  const { order, after } = played;
  const left = order.reasonDetails?.lines?.[0]?.available;
  return close(stage, played, {
    happened: 'out of stock, never charged',
    claims: [
      claim('it is REJECTED: out_of_stock', order.status === 'REJECTED' && order.reason === 'out_of_stock'),
      claim(`the customer is told how many are left: ${left ?? '-'}`, left === available),
      stockAsBefore(played),
      claim('the gateway was never asked', after.money.entries === 0),
    ],
  });
}

async function playFlakyGateway(stage: Stage): Promise<Ending> {
  const placed = await placeOrder(stage, { sku: 'SKU-0994', quantity: 1, method: 'pm_flaky' });
  const step = await watchForRetry(stage, placed);
  const played = await awaitEnd(stage, placed);
  return close(stage, played, {
    happened: 'gateway retried, confirmed',
    claims: [
      claim('Temporal showed the step as a pending activity with its attempt', step !== null),
      ...confirmedOnce(played),
    ],
  });
}

/** Looks at the workflow until a failed step waits for its next attempt; `null` when the order ended first. */
async function watchForRetry(stage: Stage, { orderId }: PlacedOrder): Promise<RetriedStep | null> {
  for (;;) {
    const step = await stage.temporal.retriedStep(orderId);
    if (step !== null) {
      stage.narrator.say(`${step.id} is a pending activity: attempt ${step.attempt}, after "${step.lastError}"`);
      return step;
    }
    const { status, attention } = await stage.shop.order(orderId);
    if (isAtRest(status) || attention !== null) return null;
    await pause(stage);
  }
}

async function playLostReply(stage: Stage): Promise<Ending> {
  const wish = { sku: 'SKU-0995', quantity: 1, method: 'pm_lost_reply' };
  const played = await awaitEnd(stage, await placeOrder(stage, wish));
  const { retriedSteps } = await stage.temporal.trace(played.orderId);
  return close(stage, played, {
    happened: 'lost reply adopted',
    claims: [
      claim('the reply was lost: take-payment had to ask again', retriedSteps.includes('take-payment')),
      ...confirmedOnce(played),
    ],
  });
}

async function playKilledWorker(stage: Stage): Promise<Ending> {
  const { narrator, shop, temporal } = stage;
  narrator.say('starting a second process, API and worker, which will be killed; the running system stays untouched');
  const second = await stage.startSecondProcess();
  try {
    narrator.say(`process ${second.pid} is ready and gets the order`);
    const placed = await placeOrder(stage, { sku: 'SKU-0996', quantity: 1, method: 'pm_slow' }, second.apiUrl);
    await untilStockIsHeld(stage, placed);
    await pause(stage, INTO_PAYMENT_MS);
    await second.kill();
    narrator.say(`stock held, payment under way: kill -9 ${second.pid}`);
    const { status } = await shop.order(placed.orderId);
    const played = await awaitEnd(stage, placed);
    const { startedBy, finishedBy } = await temporal.trace(placed.orderId);
    return close(stage, played, {
      happened: 'worker killed, another took over',
      claims: [
        claim('the order was open when its worker died', status === 'PENDING' && startedBy === second.identity),
        claim(
          `another worker finished it: ${finishedBy ?? '-'}`,
          finishedBy !== null && finishedBy !== second.identity,
        ),
        ...confirmedOnce(played),
      ],
    });
  } finally {
    await second.kill();
  }
}

async function untilStockIsHeld(stage: Stage, { orderId }: PlacedOrder): Promise<void> {
  for (;;) {
    const { status, attention, lines } = await stage.shop.order(orderId);
    if (lines.every(({ reservation }) => reservation === 'HELD')) return;
    if (isAtRest(status) || attention !== null) return;
    await pause(stage);
  }
}

/** The end of every order that succeeds, on any way. */
function confirmedOnce({ order, wish, before, after }: PlayedOrder): Claim[] {
  const { money } = after;
  const sold = before.stock.onHand - after.stock.onHand;
  return [
    claim('it is CONFIRMED', order.status === 'CONFIRMED'),
    claim(
      `the stock is ${wish.quantity} lower, and nothing stays held`,
      sold === wish.quantity && after.stock.reserved === before.stock.reserved,
    ),
    claim(
      `the gateway's ledger has exactly one charge, over the total: ${euros(money.capturedMinor)} EUR`,
      money.charges === 1 && money.capturedMinor === order.totalMinor && money.refundedMinor === 0,
    ),
  ];
}

function stockAsBefore({ before, after }: PlayedOrder): Claim {
  const same = before.stock.onHand === after.stock.onHand && before.stock.reserved === after.stock.reserved;
  return claim('the stock is as before', same);
}

function claim(text: string, holds: boolean): Claim {
  return { text, holds };
}
