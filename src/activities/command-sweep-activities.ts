import type { CommandRepository, OwningCommand } from '../../db/repositories/orders/command-repository.ts';
import type { OrderRecord } from '../../db/repositories/orders/order-record.ts';
import type { OrderRepository } from '../../db/repositories/orders/order-repository.ts';

/** Ensures that a workflow carries a command out. */
export interface CommandRestarter {
  /**
   * `runs`: a workflow carries the command out already. `told`: the order's workflow had forgotten the command, and
   * has got it again. `started`: a command workflow has started and carries it out. `stopped`: the command's workflow
   * was ended by hand, and a repair is needed.
   */
  restart(command: OwningCommand, order: OrderRecord): Promise<'runs' | 'told' | 'started' | 'stopped'>;
}

export interface CommandSweepDeps {
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly restarter: CommandRestarter;
}

/** Without failures a command takes well under a second, and the workflow of a command that is retried is found. */
const QUIET_SECONDS = 60;

const PAGE_SIZE = 200;

/** Steps of the sweep that finds decided commands without an effect. */
export function createCommandSweepActivities({ orders, commands, restarter }: CommandSweepDeps) {
  return {
    /**
     * Effect: each command whose order has been quiet for a minute is carried out by a workflow.
     * Key: the command's id, which is also the workflow's.
     * Outcomes: how many commands had no workflow.
     * Failures: database, Temporal, retryable.
     * Undo: none.
     */
    async sweepCommands({ quietSeconds = QUIET_SECONDS }: { quietSeconds?: number }): Promise<{ resumed: number }> {
      let resumed = 0;
      for (let after = ''; ;) {
        const page = await commands.listOwning(quietSeconds, after, PAGE_SIZE);
        for (const command of page) {
          const order = await orders.findOptional(command.tenantId, command.orderId);
          if (order?.ownerCommandId !== command.commandId) continue;
          const outcome = await restarter.restart(command, order);
          if (outcome === 'told' || outcome === 'started') resumed += 1;
        }
        if (page.length < PAGE_SIZE) return { resumed };
        after = page.at(-1)?.orderId ?? after;
      }
    },
  };
}
