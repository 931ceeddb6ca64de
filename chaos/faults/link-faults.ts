import type { LinkMode } from '../links/link-mode.ts';
import { PASS } from '../links/link-mode.ts';
import type { Random } from '../random.ts';
import { linkNames } from '../system/topology.ts';
import type { FaultKind } from './fault-kind.ts';

/** A fault that is a mode of one link. */
function linkFault(
  name: string,
  lengthMs: FaultKind['lengthMs'],
  modeOf: (target: string, random: Random) => LinkMode,
): FaultKind {
  return {
    name,
    lengthMs,
    targets: linkNames,
    begin: async ({ system, target, random }) => {
      const link = system.controls.links.get(target);
      if (link === undefined) throw new Error(`there is no link ${target}`);
      await link.set(modeOf(target, random));
      return () => link.set(PASS);
    },
  };
}

/**
 * The share of chunks that are struck. A connection to PostgreSQL or Temporal carries hundreds of chunks each second, a
 * connection of HTTP or SMTP few.
 */
function shareFor(target: string, random: Random): number {
  const isBusy = /(?:postgres|temporal)$/.test(target);
  return isBusy ? random.between(1, 8) / 100 : random.between(20, 80) / 100;
}

/** What PostgreSQL answers when a transaction is durable. */
const COMMITTED = 'COMMIT\0';

const resetAfter = linkFault('reset-after-effect', [1_000, 6_000], (target, random) => {
  // A client that loses the answer to COMMIT does not know whether its transaction was stored.
  if (target.endsWith('>postgres') && random.strikes(0.6)) {
    return { kind: 'reset-after', share: random.between(10, 50) / 100, match: COMMITTED };
  }
  return { kind: 'reset-after', share: shareFor(target, random) };
});

/** Charges, captures and refunds, the provider's reports, and webhooks. Clients repeat their own requests. */
const doubledRequests: FaultKind = {
  ...linkFault('doubled-requests', [2_000, 8_000], (_, random) => ({
    kind: 'duplicate',
    share: random.between(30, 90) / 100,
  })),
  targets: (topology) => linkNames(topology).filter((name) => /(?:>simulator|^simulator>api|>receiver)$/.test(name)),
};

/** Faults of single links. */
export const LINK_FAULTS: readonly FaultKind[] = [
  linkFault('slow-link', [1_000, 8_000], (_, random) => ({
    kind: 'slow',
    latencyMs: random.between(20, 1_500),
    ...(random.strikes(0.3) ? { bytesPerSecond: random.between(16, 128) * 1_024 } : {}),
  })),
  linkFault('reset-before-effect', [1_000, 6_000], (target, random) => ({
    kind: 'reset-before',
    share: shareFor(target, random),
  })),
  resetAfter,
  linkFault('truncated-answer', [1_000, 6_000], (target, random) => ({
    kind: 'truncate',
    share: shareFor(target, random),
    bytes: random.between(1, 40),
  })),
  linkFault('blackhole', [1_000, 10_000], () => ({ kind: 'blackhole' })),
  linkFault('one-way-cut', [1_000, 8_000], (_, random) => ({
    kind: 'one-way',
    towards: random.pick(['client', 'server']),
  })),
  linkFault('half-open', [1_000, 8_000], () => ({ kind: 'half-open' })),
  linkFault('refused-link', [500, 5_000], () => ({ kind: 'refuse' })),
  doubledRequests,
];
