import { setTimeout as delay } from 'node:timers/promises';
import {
  ApiError,
  LOST,
  METHODS,
  expectStatus,
  idOf,
  invalid,
  metadataOf,
  methodOf,
  missing,
  type Answer,
  type Charge,
  type Form,
  type Intent,
  type Method,
  type Refund,
} from './fake-stripe-objects.ts';

/** How long the slow method takes: as long as the simulator's in tests. */
const SLOW_MS = 800;

/** The objects of one account. */
interface Books {
  readonly intents: Map<string, Intent>;
  /** Newest first, as Stripe lists them. */
  readonly charges: Charge[];
  readonly refunds: Refund[];
  /** Intents that search knows. */
  readonly searchable: Set<string>;
  latest: Answer;
}

/** The objects of one account and what can be done with them. */
export function createAccount() {
  const books: Books = {
    intents: new Map(),
    charges: [],
    refunds: [],
    searchable: new Set(),
    latest: { status: 200, body: {} },
  };
  return {
    handle: async (route: { method: string; path: string }, form: Form) => handle(books, route, form),
    lastAnswer: () => books.latest,
    control: {
      charges: (orderId: string) =>
        books.charges.filter(({ status, metadata }) => status === 'succeeded' && metadata.orderId === orderId),
      refunds: (orderId: string) => books.refunds.filter(({ metadata }) => metadata.orderId === orderId),
      updateSearch: () => {
        for (const id of books.intents.keys()) books.searchable.add(id);
      },
      settleRefunds: (status: 'succeeded' | 'failed') => {
        for (const refund of books.refunds.filter((refund) => refund.status === 'pending')) refund.status = status;
      },
      captureElsewhere: (orderId: string) => {
        const taken = [...books.intents.values()].filter(({ metadata }) => metadata.orderId === orderId);
        for (const intent of taken) captureIntent(books, intent, {});
      },
      refundElsewhere: (orderId: string, amount?: number) => {
        const intent = [...books.intents.values()].find(({ metadata }) => metadata.orderId === orderId);
        createRefund(books, {
          payment_intent: intent?.id ?? '',
          ...(amount === undefined ? {} : { amount: String(amount) }),
        });
      },
    },
  };
}

function ok(books: Books, object: object): Answer {
  // A copy, because a saved answer never changes again.
  books.latest = { status: 200, body: structuredClone(object) };
  return books.latest;
}

function intentOf(books: Books, id: string): Intent {
  const intent = books.intents.get(id);
  if (intent === undefined) throw missing('intent');
  return intent;
}

async function createIntent(books: Books, form: Form): Promise<Answer | typeof LOST> {
  const amount = Number(form.amount);
  if (!Number.isSafeInteger(amount) || amount < 1) throw invalid('parameter_invalid_integer', 'amount');
  if (!/^[a-z]{3}$/.test(form.currency ?? '')) throw invalid('parameter_invalid_string_blank', 'currency');
  if ('payment_method_types[0]' in form) throw invalid('parameter_unknown', 'payment_method_types');
  const method = form.confirm === 'true' ? methodOf(form) : {};
  if (method.amountCode !== undefined) throw invalid(method.amountCode, 'amount');
  if (method.unavailable) throw new ApiError(503, { type: 'api_error' }, false);
  if (method.slow) await delay(SLOW_MS);
  const intent: Intent = {
    id: idOf('pi'),
    object: 'payment_intent',
    status: 'requires_payment_method',
    amount: amount + (method.extraMinor ?? 0),
    amount_capturable: 0,
    amount_received: 0,
    currency: form.currency ?? '',
    capture_method: form.capture_method ?? 'automatic_async',
    created: Math.floor(Date.now() / 1_000),
    transfer_group: form.transfer_group ?? null,
    latest_charge: null,
    last_payment_error: null,
    metadata: metadataOf(form),
  };
  books.intents.set(intent.id, intent);
  if (form.confirm === 'true') tryCard(books, intent, { method, form });
  const answered = ok(books, intent);
  return method.losesReply ? LOST : answered;
}

function tryCard(books: Books, intent: Intent, { method, form }: { method: Method; form: Form }): void {
  const isAsked = form['payment_method_options[card][request_multicapture]'] === 'if_available';
  const status = isAsked && !method.onlyOneCapture ? 'available' : 'unavailable';
  const isDeclined = method.decline !== undefined;
  const isCaptured = !isDeclined && intent.capture_method !== 'manual';
  const charge: Charge = {
    id: idOf('ch'),
    object: 'charge',
    status: isDeclined ? 'failed' : 'succeeded',
    amount: intent.amount,
    amount_captured: isCaptured ? intent.amount : 0,
    amount_refunded: 0,
    captured: isCaptured,
    currency: intent.currency,
    payment_intent: intent.id,
    payment_method: form.payment_method ?? '',
    transfer_group: intent.transfer_group,
    metadata: { ...intent.metadata },
    payment_method_details: { type: 'card', card: { multicapture: { status } } },
  };
  books.charges.unshift(charge);
  intent.latest_charge = charge.id;
  if (isDeclined) {
    intent.last_payment_error = { type: 'card_error', message: 'a message for people', ...method.decline };
    throw new ApiError(402, {
      type: 'card_error',
      ...method.decline,
      charge: charge.id,
      payment_intent: structuredClone(intent),
    });
  }
  intent.last_payment_error = null;
  intent.status = isCaptured ? 'succeeded' : 'requires_capture';
  intent.amount_received = charge.amount_captured;
  intent.amount_capturable = isCaptured ? 0 : intent.amount;
}

function cancelIntent(books: Books, intent: Intent): Answer {
  expectStatus(intent, ['requires_payment_method', 'requires_capture']);
  intent.status = 'canceled';
  intent.amount_capturable = 0;
  return ok(books, intent);
}

function captureIntent(books: Books, intent: Intent, form: Form): Answer {
  expectStatus(intent, ['requires_capture']);
  const amount = Number(form.amount_to_capture ?? intent.amount_capturable);
  if (amount > intent.amount_capturable) throw invalid('amount_too_large', 'amount_to_capture');
  const charge = books.charges.find(({ id }) => id === intent.latest_charge);
  const isFinal = form.final_capture !== 'false';
  if (!isFinal && !JSON.stringify(charge?.payment_method_details).includes('"available"')) {
    throw invalid(undefined, 'final_capture');
  }
  intent.status = isFinal ? 'succeeded' : 'requires_capture';
  intent.amount_received += amount;
  intent.amount_capturable = isFinal ? 0 : intent.amount_capturable - amount;
  Object.assign(intent.metadata, metadataOf(form));
  if (charge !== undefined) {
    charge.captured = true;
    charge.amount_captured = intent.amount_received;
  }
  return ok(books, intent);
}

function createRefund(books: Books, form: Form): Answer {
  const intent = intentOf(books, form.payment_intent ?? '');
  const charge = books.charges.find(({ id, captured }) => id === intent.latest_charge && captured);
  if (charge === undefined) throw invalid('payment_intent_unexpected_state', 'payment_intent');
  const left = charge.amount_captured - charge.amount_refunded;
  const amount = Number(form.amount ?? left);
  const { refund: fate } = METHODS[charge.payment_method] ?? {};
  if (fate === 'disputed') throw invalid('charge_disputed');
  if (left === 0) throw invalid('charge_already_refunded');
  // Stripe has to look at the charge for it, so that the refusal is kept under the key.
  if (amount > left) throw new ApiError(400, { type: 'invalid_request_error', param: 'amount' });
  const refund: Refund = {
    id: idOf('re'),
    object: 'refund',
    amount,
    currency: charge.currency,
    charge: charge.id,
    payment_intent: intent.id,
    status: fate === 'fails' ? 'failed' : fate === 'pending' ? 'pending' : 'succeeded',
    ...(fate === 'fails' ? { failure_reason: 'lost_or_stolen_card' } : {}),
    metadata: metadataOf(form),
  };
  if (refund.status !== 'failed') charge.amount_refunded += amount;
  books.refunds.unshift(refund);
  return ok(books, refund);
}

function listCharges(books: Books, form: Form): Answer {
  const found = books.charges.filter(
    (charge) =>
      (form.transfer_group === undefined || charge.transfer_group === form.transfer_group) &&
      (form.payment_intent === undefined || charge.payment_intent === form.payment_intent),
  );
  const isExpanded = form['expand[0]'] === 'data.payment_intent';
  const data = found
    .slice(0, Number(form.limit ?? 10))
    .map((charge) => (isExpanded ? { ...charge, payment_intent: intentOf(books, charge.payment_intent) } : charge));
  return ok(books, { object: 'list', url: '/v1/charges', has_more: data.length < found.length, data });
}

function searchIntents(books: Books, form: Form): Answer {
  const key = /^metadata\['key'\]:'(.*)'$/.exec(form.query ?? '')?.[1];
  if (key === undefined) throw invalid('parameter_invalid_string', 'query');
  const data = [...books.intents.values()].filter(
    ({ id, metadata }) => books.searchable.has(id) && metadata.key === key,
  );
  return ok(books, { object: 'search_result', url: '/v1/payment_intents/search', has_more: false, data });
}

function handle(
  books: Books,
  route: { method: string; path: string },
  form: Form,
): Promise<Answer | typeof LOST> | Answer {
  const { method, path } = route;
  const [, , kind = '', id = '', action = ''] = path.split('/');
  switch (`${method} ${kind}${id === '' ? '' : id === 'search' ? '/search' : '/:id'}${action && `/${action}`}`) {
    case 'POST payment_intents':
      return createIntent(books, form);
    case 'GET payment_intents/search':
      return searchIntents(books, form);
    case 'GET payment_intents/:id':
      return ok(books, intentOf(books, id));
    case 'POST payment_intents/:id/cancel':
      return cancelIntent(books, intentOf(books, id));
    case 'POST payment_intents/:id/capture':
      return captureIntent(books, intentOf(books, id), form);
    case 'GET charges':
      return listCharges(books, form);
    case 'POST refunds':
      return createRefund(books, form);
    case 'GET refunds': {
      const data = books.refunds.filter((refund) => refund.payment_intent === form.payment_intent);
      return ok(books, { object: 'list', url: '/v1/refunds', has_more: false, data });
    }
    default:
      throw missing('id');
  }
}
