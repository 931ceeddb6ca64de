import { topicOf } from '../domain/event.ts';
import type { EventType } from './event-type.ts';
import { custom } from './types/custom.ts';
import { order } from './types/order.ts';
import { pageView } from './types/page-view.ts';
import { purchase } from './types/purchase.ts';
import { userSignup } from './types/user-signup.ts';

/** Every type of events; a new one is a file in `types/` and its name here. */
const EVENT_TYPES: readonly EventType[] = [purchase, userSignup, pageView, custom, order];

/** Names of the types; one of a family stands for all of it. */
export const EVENT_TYPE_NAMES: readonly string[] = EVENT_TYPES.map(({ name }) => name);

/** The type of an event by its name, or null. */
export function findEventType(type: string): EventType | null {
  const root = topicOf(type);
  const found = EVENT_TYPES.find(({ name }) => name === root);
  return found !== undefined && (type === root || found.isFamily) ? found : null;
}
