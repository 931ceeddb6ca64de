import type { WorkflowExecutionStatusName } from '@temporalio/client';
import type {
  AuditedBalance,
  AuditedCase,
  AuditedCommand,
  AuditedEvent,
  AuditedOperation,
  AuditedOrder,
  AuditedReservation,
} from '../../db/repositories/audit/audit-repository.ts';
import { isAtRest } from '../domain/order-status.ts';
import type { OrderLine } from '../domain/order.ts';

/** One effect in the provider's own ledger. */
export interface LedgerEntry {
  readonly orderId: string;
  readonly key: string;
  readonly kind: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly state: string;
}

/** A workflow that carries, or carried, an order. */
export interface OrderExecution {
  readonly workflowId: string;
  readonly status: WorkflowExecutionStatusName;
  /** The step it is parked on. */
  readonly caseKind: string | null;
  /** The tenant in the workflow's memo. */
  readonly tenantId: string | null;
}

/** The workflows of one order. */
export interface OrderExecutions {
  /**
   * The newest run of the order workflow; null when Temporal does not know one, because it was never started or its
   * retention is over.
   */
  readonly workflow: OrderExecution | null;
  /** Open workflows of commands that were given after the order workflow had closed. */
  readonly commandExecutions: readonly OrderExecution[];
}

/** Everything that is known about one order id, over all schemas, the provider and Temporal. */
export interface OrderFacts extends OrderExecutions {
  readonly orderId: string;
  /** Null while the order is accepted but not opened, and when a source names an order that does not exist. */
  readonly order: AuditedOrder | null;
  readonly lines: readonly OrderLine[];
  /** The events by sequence number. */
  readonly events: readonly AuditedEvent[];
  readonly cases: readonly AuditedCase[];
  readonly commands: readonly AuditedCommand[];
  readonly reservations: readonly AuditedReservation[];
  readonly operations: readonly AuditedOperation[];
  readonly balance: AuditedBalance | null;
  readonly messages: readonly { readonly tenantId: string }[];
  /** Null when the provider's ledger cannot be read. */
  readonly ledger: readonly LedgerEntry[] | null;
}

const CLOSED: readonly WorkflowExecutionStatusName[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'CONTINUED_AS_NEW',
  'TIMED_OUT',
];

/** Whether a workflow still runs or waits. */
export function isOpen(execution: OrderExecution): boolean {
  return !CLOSED.includes(execution.status);
}

/** Workflows that may still do something for the order. */
export function openExecutions({ workflow, commandExecutions }: OrderExecutions): readonly OrderExecution[] {
  return [...(workflow === null ? [] : [workflow]), ...commandExecutions].filter(isOpen);
}

/** Whether effects of the order may be on their way: done at the provider, and not yet in the books. */
export function isInMotion(facts: OrderFacts): boolean {
  if (facts.order === null) return openExecutions(facts).length > 0;
  return !isAtRest(facts.order.status) || facts.order.ownerCommandId !== null;
}
