import { log } from '@temporalio/activity';
import { OrderSagaError } from '../domain/errors.ts';
import type { PaymentHistoryRepository } from '../../db/repositories/payments/payment-history-repository.ts';
import { createAttemptRecorder } from './attempt-recorder.ts';
import type { LogFields } from '../domain/log-fields.ts';
import { toFailure } from './failure.ts';
import { createAuditActivities, type AuditActivityDeps } from './audit-activities.ts';
import { createCommandSweepActivities, type CommandSweepDeps } from './command-sweep-activities.ts';
import { createCaseActivities, type CaseActivityDeps } from './case-activities.ts';
import { createEventActivities, type EventActivityDeps } from './events/event-activities.ts';
import { createCommandActivities, type CommandActivityDeps } from './command-activities.ts';
import { createExternalMoneyActivities } from './payments/external-money-activities.ts';
import { createInventoryActivities } from './inventory-activities.ts';
import { createNoticeActivities, type NoticeActivityDeps } from './payments/notice-activities.ts';
import {
  createNotificationActivities,
  type NotificationActivityDeps,
} from './notifications/notification-activities.ts';
import { createOperatorMailActivities, type OperatorMailDeps } from './notifications/operator-mail-activities.ts';
import { createOrderMoves } from './left-cases.ts';
import { createOrderActivities, type OrderActivityDeps } from './order-activities.ts';
import { createWebhookActivities, type WebhookActivityDeps } from './webhooks/webhook-activities.ts';
import { createUndoPaymentActivities } from './payments/undo-payment-activities.ts';
import { createPaymentActivities, type PaymentActivityDeps } from './payments/payment-activities.ts';
import { listingWaits, type WaitingSteps } from './waiting-steps.ts';

/** The dependencies of all steps of an order. */
export type ActivityDeps = Omit<OrderActivityDeps & CommandActivityDeps & NoticeActivityDeps, 'moves'> &
  CommandSweepDeps &
  AuditActivityDeps &
  CaseActivityDeps &
  Parameters<typeof createInventoryActivities>[0] &
  PaymentActivityDeps & { readonly paymentHistory: PaymentHistoryRepository } & NotificationActivityDeps &
  OperatorMailDeps & { readonly webhooks: WebhookActivityDeps; readonly waitingSteps: WaitingSteps };

/** The activities that a worker registers. Workflows import only this type. */
export type Activities = ReturnType<typeof createActivities>;

/** All activities of orders. Every error leaves them as a failure that Temporal understands (see failure.ts). */
export function createActivities(deps: ActivityDeps) {
  const recorder = createAttemptRecorder({
    ...deps,
    onLost: (lost) => log.warn('calls to the payment provider could not be written down', lost),
  });
  const moves = createOrderMoves(deps.orders, deps.cases);
  return withFailures({
    ...createOrderActivities({ ...deps, moves }),
    ...createCommandActivities({ ...deps, moves }),
    ...createCommandSweepActivities(deps),
    ...createAuditActivities(deps),
    ...createCaseActivities(deps),
    ...createInventoryActivities(deps),
    ...listingWaits(
      recorder.during({
        ...createPaymentActivities(recorder),
        ...createUndoPaymentActivities(recorder),
        ...createExternalMoneyActivities(recorder),
      }),
      { steps: deps.waitingSteps, gateway: deps.gateway },
    ),
    ...createNoticeActivities({ ...deps, moves }),
    ...createNotificationActivities(deps),
    ...createOperatorMailActivities(deps),
    ...createWebhookActivities(deps.webhooks),
  });
}

/** The activities of the task queue `events`. Workflows import only this type. */
export type EventActivities = ReturnType<typeof createAllEventActivities>;

/**
 * All activities of the event pipeline. Every error leaves them as a failure that Temporal understands (see
 * failure.ts).
 */
export function createAllEventActivities(deps: EventActivityDeps) {
  return withFailures(createEventActivities(deps));
}

type AnyActivity = (input: never) => Promise<unknown>;

function withFailures<Table extends Record<string, AnyActivity>>(activities: Table): Table {
  const wrap = (name: string, run: AnyActivity) => async (input: never) => {
    try {
      return await run(input);
    } catch (error) {
      // A known error is explained by its failure. An unexpected error is logged with its stack, only here.
      if (!(error instanceof OrderSagaError)) {
        log.error('activity failed unexpectedly', { activityType: name, err: error } satisfies LogFields);
      }
      throw toFailure(error);
    }
  };
  return Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, wrap(name, run)])) as Table;
}
