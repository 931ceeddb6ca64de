import type { OrderCheck } from './finding.ts';
import { checkCommands } from './commands.ts';
import { checkHistory, checkTerminal } from './history.ts';
import { checkIdentity, checkTenants } from './identity.ts';
import { checkLedger } from './ledger.ts';
import { checkBalance, checkMoneyOrder } from './money.ts';
import { checkReservations } from './stock.ts';
import { checkWorkflow } from './workflow.ts';

/** The invariants, and the things that are counted when they are checked. */
export const INVARIANTS = {
  I1: { title: 'an accepted order has one row, under the id of its tenant and key', unit: 'orders' },
  I2: { title: 'stock figures follow from movements, holds and sales', unit: 'SKUs' },
  I3: { title: 'the money of an order at rest is what its status says', unit: 'orders' },
  I4: { title: 'no sale without capture, no capture after the end, no void of captured money', unit: 'orders' },
  I5: { title: 'lines of refused and ended orders are released, sold ones deducted', unit: 'orders' },
  I6: { title: "the provider's ledger and the books are the same, row by row", unit: 'rows' },
  I7: { title: 'histories have no gaps, take allowed edges and lead to the status', unit: 'orders' },
  I8: { title: 'nothing follows a terminal status', unit: 'orders' },
  I9: { title: 'everything about an order carries its tenant', unit: 'orders' },
  I10: { title: 'orders in motion are carried by a workflow, others and dead ones are not', unit: 'orders' },
  I14: { title: 'an accepted capture or refund is done with its amount, or has failed', unit: 'commands' },
  I12: { title: 'partitions of the event log have no gaps, and each id leads to its event', unit: 'partitions' },
  I13: { title: 'events behind a cursor are processed, failed or waiting, one of them and once', unit: 'cursors' },
} as const;
export type InvariantId = keyof typeof INVARIANTS;

/** The checks of one order; I2 is about SKUs, see `checkSkuFigures`, I12 and I13 about events, see `events.ts`. */
export const ORDER_CHECKS = {
  I1: checkIdentity,
  I3: checkBalance,
  I4: checkMoneyOrder,
  I5: checkReservations,
  I6: checkLedger,
  I7: checkHistory,
  I8: checkTerminal,
  I9: checkTenants,
  I10: checkWorkflow,
  I14: checkCommands,
} as const satisfies Record<Exclude<InvariantId, 'I2' | 'I12' | 'I13'>, OrderCheck>;
