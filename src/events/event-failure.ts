import type { EventFailureCode } from '../domain/event.ts';

/**
 * What each code means, whether the failure passes by itself, and what to do about it; `docs/errors.md` is made from
 * this.
 */
export const EVENT_FAILURES: Readonly<
  Record<EventFailureCode, { readonly isTransient: boolean; readonly cause: string; readonly advice: string }>
> = {
  invalid_event: {
    isTransient: false,
    cause: 'The content does not fit the event’s type, for example a purchase with a negative amount.',
    advice: 'Fix the producer and send a new event; this one stays in the failed list as evidence.',
  },
  unknown_event_type: {
    isTransient: false,
    cause: 'A version that knew the event’s type accepted the event; this version does not know the type.',
    advice: 'Deploy a version that knows the type, then reprocess by this code.',
  },
  effect_unavailable: {
    isTransient: true,
    cause: 'A service that the handler calls does not answer.',
    advice: 'Bring the service back, then reprocess by this code.',
  },
  unclassified: {
    isTransient: true,
    cause: 'The handler failed in an unexpected way: it has a bug, or met an outage without a code.',
    advice: 'Look for `event failed unexpectedly` in the worker’s log, fix the handler, then reprocess by this code.',
  },
};

/** Why a handler could not handle an event. The message never contains content of the event. */
export class EventFailure extends Error {
  readonly code: EventFailureCode;
  constructor(code: EventFailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EventFailure';
    this.code = code;
  }
}
