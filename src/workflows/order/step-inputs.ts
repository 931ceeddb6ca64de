import { workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';

type InputOf<Name extends keyof Activities> = Parameters<Activities[Name]>[0];

/**
 * Inputs of the first steps of an order, the same for the fast path and for single steps. The amount of the payment is
 * left out: it comes from the result of `holdStock`.
 */
export interface StepInputs {
  readonly openOrder: InputOf<'openOrder'>;
  readonly holdStock: InputOf<'holdStock'>;
  readonly takePayment: Omit<InputOf<'takePayment'>, 'amountMinor'>;
}

export function createStepInputs(order: OrderWorkflowInput): StepInputs {
  const { orderId, tenantId, request, settings } = order;
  const { currency, lines, expectedTotalMinor, paymentMethod: method } = request;
  const { holdTtlSeconds } = settings;
  return {
    openOrder: { order, firstExecutionRunId: workflowInfo().firstExecutionRunId },
    holdStock: { orderId, tenantId, currency, lines, expectedTotalMinor, holdTtlSeconds },
    takePayment: { orderId, tenantId, currency, method, ...chargeKindOf(request) },
  };
}

/** For manual capture the payment is first authorized. */
export function chargeKindOf({ captureMode }: OrderWorkflowInput['request']): { chargeKind?: 'authorize' } {
  return captureMode === 'manual' ? { chargeKind: 'authorize' } : {};
}
