import type { CommandRepository, OwningCommand } from '../../db/repositories/orders/command-repository.ts';
import type { OrderRecord } from '../../db/repositories/orders/order-record.ts';
import type { OrderRepository } from '../../db/repositories/orders/order-repository.ts';

/** Sees to it that a workflow carries a command out. */
export interface CommandCarrier {
  /**
   * `carried`: a workflow is at it. `told`: the order's workflow, which had forgotten it, was told again. `started`: a
   * settle workflow carries it out from now on. `stopped`: its workflow was ended by hand, which a repair looks after.
   */
  carry(command: OwningCommand, order: OrderRecord): Promise<'carried' | 'told' | 'started' | 'stopped'>;
}

export interface CommandSweepDeps {
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly carrier: CommandCarrier;
}

/** A command takes well under a second when all goes well; one that is retried has a workflow, which is found. */
const QUIET_SECONDS = 60;

const PAGE_SIZE = 200;

/** Steps of the sweep that finds decided commands without an effect. */
export function createCommandSweepActivities({ orders, commands, carrier }: CommandSweepDeps) {
  return {
    /**
     * Effect: each command that owns an order to which nothing has happened for a minute is carried by a workflow. Key: the
     * command's id, which is the workflow's. Outcomes: how many had none. Failures: database, Temporal, retryable. Undo:
     * none.
     */
    async sweepCommands({ quietSeconds = QUIET_SECONDS }: { quietSeconds?: number }): Promise<{ resumed: number }> {
      let resumed = 0;
      for (let after = ''; ;) {
        const page = await commands.listOwning(quietSeconds, after, PAGE_SIZE);
        for (const command of page) {
          const order = await orders.findOptional(command.tenantId, command.orderId);
          if (order?.ownerCommandId !== command.commandId) continue;
          const outcome = await carrier.carry(command, order);
          if (outcome === 'told' || outcome === 'started') resumed += 1;
        }
        if (page.length < PAGE_SIZE) return { resumed };
        after = page.at(-1)?.orderId ?? after;
      }
    },
  };
}
