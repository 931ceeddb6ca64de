import { topicOf } from '../domain/event.ts';
import type { EventType } from './event-type.ts';
import { caseEvent } from './types/case.ts';
import { custom } from './types/custom.ts';
import { eventEvent } from './types/event.ts';
import { order } from './types/order.ts';
import { pageView } from './types/page-view.ts';
import { purchase } from './types/purchase.ts';
import { userSignup } from './types/user-signup.ts';

/** All types of events. A new one is a file in `types/` and a name in this list. */
const EVENT_TYPES: readonly EventType[] = [purchase, userSignup, pageView, custom, order, caseEvent, eventEvent];

/** Names of the types; the name of a family stands for all its types. */
export const EVENT_TYPE_NAMES: readonly string[] = EVENT_TYPES.map(({ name }) => name);

/** The type with this name, or null. */
export function findEventType(type: string): EventType | null {
  const root = topicOf(type);
  const found = EVENT_TYPES.find(({ name }) => name === root);
  return found !== undefined && (type === root || found.isFamily) ? found : null;
}
