import type { ConsumerFigures, PartitionFigures } from '../../../db/repositories/events/event-audit-repository.ts';
import type { Finding } from './finding.ts';

/** I12: sequences have no gaps, no event is missing at the end, and every id leads to its event. */
export function checkPartition(figures: PartitionFigures): Finding {
  const { nextSequence, events, first, last, strayIds } = figures;
  const problems: string[] = [];
  if (events > 0 && last - first + 1 !== events) {
    problems.push(`sequences run from ${first} to ${last}, but there are ${events} events`);
  }
  if (events > 0 && last !== nextSequence - 1) problems.push(`the last sequence is ${last}, the next ${nextSequence}`);
  if (strayIds > 0) problems.push(`${strayIds} events are not where their ids say`);
  return { checked: 1, problems };
}

/**
 * I13: every event that a consumer's cursor has passed is processed, failed, or waits for a retry, and is in only one
 * of these states.
 */
export function checkConsumer({ cursor, nextSequence, lost, doubled }: ConsumerFigures): Finding {
  const problems: string[] = [];
  if (cursor >= nextSequence) problems.push(`the cursor is at ${cursor}, the log ends before ${nextSequence}`);
  if (lost.length > 0) problems.push(`neither processed nor failed nor waiting: ${lost.join(', ')}`);
  if (doubled.length > 0) problems.push(`in several places at once: ${doubled.join(', ')}`);
  return { checked: 1, problems };
}
