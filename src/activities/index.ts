import { log } from '@temporalio/activity';
import { OrderSagaError } from '../domain/errors.ts';
import { toFailure } from './failure.ts';
import { createInventoryActivities } from './inventory-activities.ts';
import { createNotificationActivities, type NotificationActivityDeps } from './notification-activities.ts';
import { createOrderActivities, type OrderActivityDeps } from './order-activities.ts';
import { createPaymentActivities, type PaymentActivityDeps } from './payment-activities.ts';

/** Everything the steps of an order work with. */
export type ActivityDeps = OrderActivityDeps &
  Parameters<typeof createInventoryActivities>[0] &
  PaymentActivityDeps &
  NotificationActivityDeps;

/** The activities a worker registers; workflows import this type only. */
export type Activities = ReturnType<typeof createActivities>;

/** Creates all activities; every error leaves them as a failure that Temporal understands (see failure.ts). */
export function createActivities(deps: ActivityDeps) {
  return withFailures({
    ...createOrderActivities(deps),
    ...createInventoryActivities(deps),
    ...createPaymentActivities(deps),
    ...createNotificationActivities(deps),
  });
}

type AnyActivity = (input: never) => Promise<unknown>;

function withFailures<Table extends Record<string, AnyActivity>>(activities: Table): Table {
  const wrap = (name: string, run: AnyActivity) => async (input: never) => {
    try {
      return await run(input);
    } catch (error) {
      // Known errors are told by their failure; what nobody expected is worth its stack, here and only here.
      if (!(error instanceof OrderSagaError)) log.error('activity failed unexpectedly', { activity: name, error });
      throw toFailure(error);
    }
  };
  return Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, wrap(name, run)])) as Table;
}
