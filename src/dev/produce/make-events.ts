import { randomUUID } from 'node:crypto';

/** Types that can be made. */
export const PRODUCED_TYPES = ['purchase', 'user_signup', 'page_view', 'custom'] as const;
export type ProducedType = (typeof PRODUCED_TYPES)[number];

/** The share of a type is its weight by the sum of all weights. */
export interface TypeWeight {
  readonly type: ProducedType;
  readonly weight: number;
}

/** The composition of the produced events. */
export interface EventMix {
  readonly weights: readonly TypeWeight[];
  /** Percent of events that repeat an earlier one with its id. */
  readonly duplicates: number;
  /** Percent of events whose content is wrong: accepted, then given up. */
  readonly invalid: number;
  /** Users; events of one user are processed in order. */
  readonly users: number;
}

/** An event in the form of `POST /v1/events`. */
export interface MadeEvent {
  readonly id: string;
  readonly type: ProducedType;
  readonly userId?: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Repeats are taken from this number of newest events, because a producer that retries does so soon. */
const REMEMBERED = 1_000;

/** Makes events of a mix, one after another. The shares are exact over every hundred events, not by chance. */
export function createEventMaker(mix: EventMix): () => MadeEvent {
  const pickType = createTypePicker(mix.weights);
  const isDuplicate = createShare(mix.duplicates);
  const isInvalid = createShare(mix.invalid);
  const recent: MadeEvent[] = [];
  let fresh = 0;
  return () => {
    const again = isDuplicate() ? recent[Math.floor(Math.random() * recent.length)] : undefined;
    if (again !== undefined) return again;
    const type = pickType();
    const userId = `user-${1 + Math.floor(Math.random() * mix.users)}`;
    const event = isInvalid() ? invalidEvent(type, userId) : validEvent(type, userId);
    recent[fresh % REMEMBERED] = event;
    fresh += 1;
    return event;
  };
}

function validEvent(type: ProducedType, userId: string): MadeEvent {
  return { id: randomUUID(), type, userId, properties: CONTENTS[type]() };
}

const CONTENTS: Readonly<Record<ProducedType, () => Record<string, unknown>>> = {
  // One in fifteen is over 1,000 and gets the category `high_value`.
  purchase: () => ({ amount: Math.round(1 + Math.random() * 107_000) / 100, currency: 'EUR' }),
  user_signup: () => ({ plan: Math.random() < 0.2 ? 'team' : 'free' }),
  page_view: () => ({ path: `/products/${Math.floor(Math.random() * 1_000)}` }),
  custom: () => ({ value: Math.floor(Math.random() * 100) }),
};

/** A custom event cannot be wrong, so a purchase replaces it. */
function invalidEvent(type: ProducedType, userId: string): MadeEvent {
  const id = randomUUID();
  switch (type) {
    case 'user_signup':
      return { id, type, properties: {} };
    case 'page_view':
      return { id, type, userId, properties: {} };
    case 'purchase':
    case 'custom':
      return { id, type: 'purchase', userId, properties: { amount: -1 } };
  }
}

/** Picks the type that is furthest behind its share. */
function createTypePicker(weights: EventMix['weights']): () => ProducedType {
  const sum = weights.reduce((total, { weight }) => total + weight, 0);
  const credits = weights.map(({ type, weight }) => ({ type, share: weight / sum, credit: 0 }));
  return () => {
    for (const entry of credits) entry.credit += entry.share;
    const first = credits.reduce((best, entry) => (entry.credit > best.credit ? entry : best));
    first.credit -= 1;
    return first.type;
  };
}

/** True for exactly `percent` of every hundred calls. */
function createShare(percent: number): () => boolean {
  let credit = 0;
  return () => {
    credit += percent;
    if (credit < 100) return false;
    credit -= 100;
    return true;
  };
}
