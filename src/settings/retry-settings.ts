import { z } from 'zod';
import { isEventRetryKey, type EventRetrySettings } from '../events/event-retries.ts';
import { STEP_POLICIES } from '../workflows/steps/step-policies.ts';
import type { StepLimits } from '../domain/order-settings.ts';

const STEP_IDS: readonly string[] = Object.values(STEP_POLICIES).map(({ id }) => id);

const PAIR = /^([\w./-]+)=(\d{1,9})$/;

/** `name=number` pairs, each name once. */
function numbersByName(isKnown: (name: string) => boolean, known: string, most: number) {
  return z.string().transform((text, ctx): Readonly<Record<string, number>> => {
    const numbers = new Map<string, number>();
    for (const part of text.split(',')) {
      const [, name = '', digits = ''] = PAIR.exec(part.trim()) ?? [];
      const number = Number(digits);
      const isUsable = isKnown(name) && number >= 1 && number <= most && !numbers.has(name);
      if (!isUsable) {
        const message = `"${part.trim()}" is not NAME=NUMBER from 1 to ${most}, each name once, of ${known}`;
        ctx.addIssue({ code: 'custom', message });
        return z.NEVER;
      }
      numbers.set(name, number);
    }
    return Object.fromEntries(numbers);
  });
}

const DAY_SECONDS = 86_400;
const ATTEMPTS_MAX = 10_000;
const isStep = (name: string): boolean => STEP_IDS.includes(name);
const EVENT_KEYS = 'a consumer, or consumer/type for a type that it reads';

/**
 * Variables that say how often and for how long something is tried. Names that are left out keep the values of the
 * code.
 */
export const RETRY_VARIABLES = {
  STEP_BUDGET_SECONDS: numbersByName(isStep, STEP_IDS.join(', '), 30 * DAY_SECONDS).default({}),
  STEP_MAX_ATTEMPTS: numbersByName(isStep, STEP_IDS.join(', '), ATTEMPTS_MAX).default({}),
  EVENT_MAX_ATTEMPTS: numbersByName(isEventRetryKey, EVENT_KEYS, ATTEMPTS_MAX).default({}),
  EVENT_FIRST_WAIT_SECONDS: numbersByName(isEventRetryKey, EVENT_KEYS, DAY_SECONDS).default({}),
  EVENT_LONGEST_WAIT_SECONDS: numbersByName(isEventRetryKey, EVENT_KEYS, DAY_SECONDS).default({}),
} as const;

type RetryValues = { readonly [Name in keyof typeof RETRY_VARIABLES]: Readonly<Record<string, number>> };

/** The configured limits of steps by the step's id; null when there are none. */
export function stepLimitsOf({ STEP_BUDGET_SECONDS, STEP_MAX_ATTEMPTS }: Partial<RetryValues>): StepLimits | null {
  const limits: Record<string, StepLimits[string]> = {};
  for (const [id, seconds] of Object.entries(STEP_BUDGET_SECONDS ?? {})) limits[id] = { budgetMs: seconds * 1_000 };
  for (const [id, maxAttempts] of Object.entries(STEP_MAX_ATTEMPTS ?? {})) limits[id] = { ...limits[id], maxAttempts };
  return Object.keys(limits).length === 0 ? null : limits;
}

/** The configured retries of events. */
export function eventRetrySettingsOf(values: Partial<RetryValues>): EventRetrySettings {
  const settings: Record<string, EventRetrySettings[string]> = {};
  const fields = {
    maxAttempts: values.EVENT_MAX_ATTEMPTS,
    firstWaitSeconds: values.EVENT_FIRST_WAIT_SECONDS,
    longestWaitSeconds: values.EVENT_LONGEST_WAIT_SECONDS,
  };
  for (const [field, numbers = {}] of Object.entries(fields)) {
    for (const [key, number] of Object.entries(numbers)) settings[key] = { ...settings[key], [field]: number };
  }
  return settings;
}
