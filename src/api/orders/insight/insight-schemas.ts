import { z } from '@hono/zod-openapi';
import { ORDER_STATUSES, REJECTION_REASONS } from '../../../domain/order-status.ts';
import { MOVEMENT_KINDS } from '../../../domain/inventory/reservation.ts';
import { rejectionDetails } from '../order-schemas.ts';
import { instant } from '../../http/primitive-schemas.ts';

/** Why an order is where it is, in words. */
export const explainView = z
  .object({
    orderId: z.string().openapi({ description: 'Order id' }),
    status: z.enum(ORDER_STATUSES).openapi({ description: 'Where the order is' }),
    summary: z.string().openapi({
      description: 'One or two plain sentences',
      example: 'The payment has no definite answer yet. It is tried again at 10:00:05Z by itself.',
    }),
    situation: z
      .enum(['at_rest', 'tried', 'parked', 'paused', 'unserved', 'task_fails', 'forgotten', 'lost', 'unseen'])
      .openapi({
        description:
          '`at_rest`: nothing waits, or it is under way; `tried`: a step is tried again by itself; `parked`: a case is open; ' +
          '`paused`: somebody has paused it in Temporal; `unserved`: no worker takes from its task queue; `task_fails`: the ' +
          "workflow's code fails; `forgotten`: a command has no workflow, and gets one by itself; `lost`: nothing carries it any more; `unseen`: Temporal does not answer",
      }),
    waitsFor: z
      .enum(['nothing', 'a worker', 'a retry', 'a capture', 'an operator'])
      .openapi({ description: 'What would let it go on' }),
    whoMustAct: z
      .enum(['nobody', 'the system', 'the client', 'an operator'])
      .openapi({ description: 'Who has to do something' }),
    step: z
      .string()
      .nullable()
      .openapi({ description: 'The step that waits, if there is one', example: 'take-payment' }),
    attempt: z.int().nullable().openapi({ description: 'Attempt of that step, from 1' }),
    lastError: z.string().nullable().openapi({ description: 'Last failure of that step' }),
    nextRetryAt: instant('When the step is tried again by itself').nullable(),
    taskQueue: z.string().nullable().openapi({ description: 'Task queue that the step waits on', example: 'payments' }),
    caseId: z.string().nullable().openapi({ description: 'Open case' }),
    capturableMinor: z
      .int()
      .nullable()
      .openapi({ description: 'Amount that a capture could take now, in minor units' }),
    captureBy: instant('Until when the first capture has to be asked for').nullable(),
    cancelableUntil: instant('Until when a sold order may be cancelled').nullable(),
    advice: z.string().openapi({ description: 'What one can do' }),
    workflowUrl: z.string().openapi({ description: 'The workflow of this explanation in the Temporal Web UI' }),
    workflows: z
      .array(
        z.object({
          id: z.string().openapi({ description: 'Temporal workflow id', example: 'order/ord_...' }),
          status: z.string().openapi({ description: 'The workflow’s status in Temporal', example: 'RUNNING' }),
          url: z.string().openapi({ description: 'The workflow in the Temporal Web UI' }),
        }),
      )
      .openapi({
        description: "The order's own workflow, and those of commands that came after it; empty without Temporal",
      }),
  })
  .openapi('Explanation');
export type ExplainView = z.output<typeof explainView>;

/** Every effect of an order with its proof. */
export const receiptView = z
  .object({
    orderId: z.string().openapi({ description: 'Order id' }),
    status: z.enum(ORDER_STATUSES).openapi({ description: 'Where the order is' }),
    effects: z
      .array(
        z.object({
          at: instant('When it happened; null for a line that was never held').nullable(),
          kind: z.enum(['stock', 'payment', 'message']).openapi({ description: 'What was touched' }),
          what: z.string().openapi({ description: 'The effect', example: 'sale of 45.00 EUR' }),
          state: z.string().openapi({ description: 'Its state', example: 'SUCCEEDED' }),
          key: z.string().openapi({ description: 'Its idempotency key', example: 'ord_...:sale:1' }),
          providerRef: z.string().nullable().openapi({ description: 'Reference at the provider' }),
          undoneBy: z.string().nullable().openapi({ description: 'Key of the effect that undoes this one' }),
          attempts: z
            .int()
            .nullable()
            .openapi({ description: 'Calls to the provider, or tries to send; null for stock', example: 1 }),
          movements: z
            .array(
              z.object({
                at: instant('When the stock moved'),
                kind: z.enum(MOVEMENT_KINDS).openapi({ description: 'Why', example: 'hold' }),
              }),
            )
            .openapi({ description: 'How the stock of a line moved, oldest first; empty for money and messages' }),
        }),
      )
      .openapi({ description: 'Stock, money and messages' }),
  })
  .openapi('Receipt');
export type ReceiptView = z.output<typeof receiptView>;

/** What an order would become. */
export const dryRunView = z
  .object({
    wouldHold: z.boolean().openapi({ description: 'Whether every line can be held now' }),
    currency: z.string().openapi({ description: 'ISO 4217 currency code', example: 'EUR' }),
    totalMinor: z.int().nullable().openapi({ description: 'Total in minor units; null when a SKU is unknown' }),
    lines: z
      .array(
        z.object({
          sku: z.string().openapi({ description: 'Stock keeping unit' }),
          quantity: z.int().openapi({ description: 'Pieces asked for' }),
          available: z.int().nullable().openapi({ description: 'Pieces left; null when unknown' }),
          unitPriceMinor: z.int().nullable().openapi({ description: 'Price of one piece, in minor units' }),
        }),
      )
      .openapi({ description: 'By SKU, merged' }),
    refusal: z
      .object({
        reason: z.enum(REJECTION_REASONS).openapi({ description: 'Why it would be rejected' }),
        reasonDetails: rejectionDetails,
      })
      .nullable()
      .openapi({ description: 'Null when it would hold' }),
  })
  .openapi('DryRun');
