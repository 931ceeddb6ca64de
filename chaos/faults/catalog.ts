import { DATABASE_FAULTS } from './database-faults.ts';
import { DEPLOYMENT_FAULTS } from './deployment-faults.ts';
import type { FaultKind } from './fault-kind.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { PROVIDER_FAULTS } from './provider-faults.ts';
import { TEMPORAL_FAULTS } from './temporal-faults.ts';
import { TRAFFIC_FAULTS } from './traffic-faults.ts';

/** Every kind of fault. */
export const FAULT_KINDS: readonly FaultKind[] = [
  ...PROCESS_FAULTS,
  ...LINK_FAULTS,
  ...DATABASE_FAULTS,
  ...PROVIDER_FAULTS,
  ...TEMPORAL_FAULTS,
  ...DEPLOYMENT_FAULTS,
  ...TRAFFIC_FAULTS,
];

/** The kinds that this machine can have. */
export function availableKinds(): FaultKind[] {
  return FAULT_KINDS.filter((kind) => reasonAgainst(kind) === null);
}

/** Kinds that this machine cannot have, each with its reason. */
export function unavailableKinds(): Record<string, string> {
  return Object.fromEntries(
    FAULT_KINDS.flatMap((kind) => {
      const reason = reasonAgainst(kind);
      return reason === null ? [] : [[kind.name, reason]];
    }),
  );
}

function reasonAgainst(kind: FaultKind): string | null {
  return kind.whyNot === undefined ? null : kind.whyNot();
}
