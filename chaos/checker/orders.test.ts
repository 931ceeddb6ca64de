import { expect, it } from 'vitest';
import { orderIdFor } from '../../src/domain/ids.ts';
import { checkAccepted } from './accepted.ts';
import { checkAnswers, checkReads } from './answers.ts';
import { CHECKS } from './check.ts';
import { checkCommands } from './commands.ts';
import { checkEnds } from './ends.ts';
import type { RunFacts, Violation } from './facts.ts';
import { checkLiveness } from './liveness.ts';
import { checkMails } from './mails.ts';
import { checkMoney } from './money.ts';
import { runWith, STARTED_AT, TOTAL, type OrderCase } from './sound-run.ts';

const ORDER = orderIdFor('demo', 'order-1');
const OTHER = orderIdFor('demo', 'order-2');
const POST = { who: 'demo/shop', op: 'create', key: 'order-1', type: 'ok', status: 202 } as const;
const READ = { who: 'demo/shop', op: 'read', type: 'ok', status: 200 } as const;
const seen = (status: string, version: number, id = ORDER) => ({ ...READ, data: { id, status, version } });

const messages = (found: readonly Violation[]): string[] => found.map(({ message }) => message);

/** The same run, with everything in the ledger made at the provider itself. */
function movedOutside(facts: RunFacts): RunFacts {
  const ledger = [...facts.ledger].map(([orderId, entries]) => {
    return [orderId, entries.map((entry) => ({ ...entry, key: 'pay_1' }))] as const;
  });
  return { ...facts, ledger: new Map(ledger) };
}

it('A sound run has no violation in any check', () => {
  const later = [seen('PENDING', 1), seen('CONFIRMED', 2)];
  const facts = runWith({ later });
  for (const [name, check] of Object.entries(CHECKS)) expect(check(facts), name).toEqual([]);
});

it.each<[string, RunFacts, string]>([
  ['is lost', runWith({}, { orders: new Map() }), 'there is no order'],
  ['has two ids', runWith({ later: [{ ...POST, data: { body: 'first', id: OTHER } }] }), 'it was answered with 2 ids'],
  [
    'was accepted with two bodies',
    runWith({ later: [{ ...POST, data: { body: 'other', id: ORDER } }] }),
    'two bodies were accepted under it',
  ],
  ['was never asked for', runWith({}, { entries: [] }), 'nobody has asked for the key order-1'],
])('An accepted order that %s is found', (_, facts, message) => {
  expect(messages(checkAccepted(facts)).join()).toContain(message);
});

it.each<[string, OrderCase['later'], string]>([
  ['an order is not found after its 202', [{ ...READ, type: 'fail', status: 404 }], 'read: 404'],
  ['the service fails', [{ ...READ, type: 'info', status: 500 }], 'read: 500'],
  ['another tenant reads the order', [{ ...READ, op: 'spy' }], 'another tenant has read the order'],
  ['a malformed request is taken', [{ ...POST, op: 'poison' }], 'it was taken with 202'],
  ['a good order is refused', [{ ...POST, type: 'fail', status: 422, data: { body: 'first' } }], 'create: 422'],
])('An answer is found where %s', (_, later = [], message) => {
  expect(messages(checkAnswers(runWith({ later }))).join()).toContain(message);
});

it('An answer is right that says 503, or refuses what must be refused', () => {
  const later = [
    { ...READ, type: 'info', status: 503 },
    { ...READ, op: 'spy', type: 'fail', status: 404 },
    { ...POST, op: 'poison', type: 'fail', status: 400 },
    { ...POST, type: 'fail', status: 422, data: { body: 'other' } },
  ] as const;
  expect(checkAnswers(runWith({ later }))).toEqual([]);
});

it.each([
  ['goes back to an earlier version', [seen('CONFIRMED', 2), seen('PENDING', 1)], 'version 1 was read after version 2'],
  ['leaves a terminal status', [seen('REJECTED', 2), seen('CONFIRMED', 2)], 'CONFIRMED was read after REJECTED'],
  ['is another order', [seen('PENDING', 1), seen('PENDING', 1, OTHER)], `it was answered with the order ${OTHER}`],
])('A read that %s is found', (_, later, message) => {
  expect(messages(checkReads(runWith({ later })))).toEqual([message]);
});

it.each<[string, OrderCase, string]>([
  ['a good payment was declined', { status: 'REJECTED', reason: 'payment_declined' }, 'rejected for payment_declined'],
  ['a declined payment was sold', { kind: 'declined' }, 'although its payment is always declined'],
  ['an unknown SKU was sold', { kind: 'unknown_sku' }, 'although it had to be refused'],
  ['nobody cancelled it', { status: 'CANCELLED' }, 'nobody has asked for it'],
  ['no operator gave it up', { status: 'REJECTED', reason: 'operator_aborted' }, 'rejected for operator_aborted'],
  ['it expired at once', { status: 'EXPIRED' }, 'long before its time'],
])('An end is found although %s', (_, told, message) => {
  expect(messages(checkEnds(runWith(told))).join()).toContain(message);
});

it('An end is right that its method, its stock, its client or an operator explains', () => {
  const cancel = { kind: 'cancel', decision: 'will_refund', amountMinor: null };
  const explained: OrderCase[] = [
    { kind: 'declined', status: 'REJECTED', reason: 'payment_declined' },
    { status: 'REJECTED', reason: 'out_of_stock' },
    { status: 'CANCELLED', commands: [cancel] },
  ];
  for (const told of explained) expect(checkEnds(runWith(told))).toEqual([]);
  const decisions = [{ orderId: ORDER, action: 'abort', state: 'carried_out' }];
  expect(checkEnds(runWith({ status: 'REJECTED', reason: 'operator_aborted' }, { decisions }))).toEqual([]);
});

const told = (op: string, decision: string, amountMinor?: number) =>
  ({ who: 'demo/shop', op, key: 'k-1', type: 'ok', status: 202, data: { decision, amountMinor } }) as const;

it.each<[string, OrderCase, string]>([
  ['a promised cancel is not done', { later: [told('cancel', 'will_refund')] }, 'it is CONFIRMED'],
  [
    'a decision changes',
    { status: 'CANCELLED', later: [told('cancel', 'will_cancel'), told('cancel', 'will_refund')] },
    'it was answered with will_cancel and will_refund',
  ],
  ['a promised refund is not paid', { later: [told('refund', 'accepted', 100)] }, 'the provider has paid 0'],
])('A command is found where %s', (_, order, message) => {
  expect(messages(checkCommands(runWith(order))).join()).toContain(message);
});

const sale = { kind: 'sale', amountMinor: TOTAL };
const refund = { kind: 'refund', amountMinor: TOTAL };

it.each<[string, OrderCase, string]>([
  ['a sold order is charged twice', { ledger: [sale, sale] }, 'it was charged 2 times, and 2000 is taken'],
  ['a parked order is charged twice', { status: 'PENDING', ledger: [sale, sale] }, 'it was charged 2 times'],
  ['a sold order is not charged', { ledger: [] }, 'the total is 1000, and 0 is taken'],
  ['a refused order keeps the money', { status: 'REJECTED', ledger: [sale] }, '1000 is still taken'],
  [
    'a cancelled order can still be captured',
    { status: 'CANCELLED', ledger: [{ kind: 'authorize', amountMinor: TOTAL }] },
    '1000 can still be captured',
  ],
  [
    'too much is captured',
    { captureMode: 'manual', ledger: [{ kind: 'capture', amountMinor: 1_001 }] },
    '1001 of 1000',
  ],
  ['a refunded order is paid back in part', { status: 'REFUNDED', ledger: [sale] }, '1000 is still taken'],
  ['a part is paid back that is everything', { status: 'PARTIALLY_REFUNDED', ledger: [sale, refund] }, '1000 of 1000'],
])('Money is found wrong where %s', (_, order, message) => {
  expect(messages(checkMoney(runWith(order))).join()).toContain(message);
});

it('Money is found that belongs to no order', () => {
  expect(messages(checkMoney(runWith({}, { orders: new Map() })))).toEqual([
    'the provider has money of an order that does not exist',
  ]);
});

it('Money is found wrong that an ended order had left, unless it was moved at the provider itself', () => {
  const returned = {
    status: 'REFUNDED',
    commands: [{ kind: 'give_back', decision: 'accepted', amountMinor: null }],
  } as const;
  const facts = runWith({ ...returned, ledger: [sale, refund] });
  expect(messages(checkMoney(facts))).toEqual(['it had ended with money, which was given back later']);
  expect(checkMoney(movedOutside(facts))).toEqual([]);
});

it('An order that waits for a capture has nothing taken but what a person has captured at the provider itself', () => {
  const waiting = { status: 'AWAITING_CAPTURE', captureMode: 'manual' } as const;
  const facts = runWith({ ...waiting, ledger: [{ kind: 'capture', amountMinor: 300 }] });
  expect(messages(checkMoney(facts))).toEqual(['AWAITING_CAPTURE: 300 was taken before a capture']);
  expect(checkMoney(movedOutside(facts))).toEqual([]);
});

const HEAL = { who: 'nemesis', op: 'fault', key: '1', data: { kind: 'kill', target: 'worker' } } as const;

it('Liveness is broken by an order that stays in motion, is owned, or is parked for no planted reason', () => {
  expect(messages(checkLiveness(runWith({ status: 'PENDING' })))).toEqual(['it is PENDING, and nothing brings it on']);
  const order = runWith().orders.get(ORDER);
  const owned = new Map(order === undefined ? [] : [[ORDER, { ...order, ownerId: 'cmd_1' }]]);
  expect(messages(checkLiveness(runWith({}, { orders: owned }))).join()).toContain('a command still owns it');
  const parked = { orderId: ORDER, step: 'take-payment', errorCode: 'unclassified', openedAt: 1, resolvedAt: null };
  expect(messages(checkLiveness(runWith({}, { cases: [parked] }))).join()).toContain('which nobody has planted');
  expect(checkLiveness(runWith({ kind: 'wrong_amount' }, { cases: [parked] }))).toEqual([]);
  const unparked = runWith({ kind: 'wrong_amount', status: 'PENDING' });
  expect(messages(checkLiveness(unparked))).toEqual(['it is PENDING, and nothing brings it on']);
});

it('Liveness is broken by an order that comes to rest later than two minutes after the last heal', () => {
  const facts = (restAfterMs: number): RunFacts => {
    const later = [{ ...HEAL, type: 'invoke' } as const, { ...HEAL, type: 'ok' } as const];
    const [first] = runWith().moves.get(ORDER) ?? [];
    const rest = { orderId: ORDER, seq: 2, to: 'CONFIRMED', at: STARTED_AT + restAfterMs } as const;
    return runWith({ later }, { moves: new Map([[ORDER, first === undefined ? [] : [first, rest]]]) });
  };
  expect(checkLiveness(facts(119_000))).toEqual([]);
  expect(messages(checkLiveness(facts(121_000)))).toEqual(['it came to rest 121 s after the last heal']);
  // It was accepted, and opened only after the heal.
  const late = facts(125_000);
  const first = { orderId: ORDER, seq: 1, to: 'PENDING', at: STARTED_AT + 60_000 } as const;
  const waited = [...late.moves].map(([id, moves]) => [id, [first, ...moves.slice(1)]] as const);
  expect(messages(checkLiveness({ ...late, moves: new Map(waited) }))).toEqual([
    'it came to rest 125 s after the last heal',
  ]);
});

it('Liveness is broken by a fresh order that is not sold', () => {
  const facts = runWith({ kind: 'fresh', status: 'CANCELLED' });
  expect(messages(checkLiveness(facts))).toEqual(['it was placed on the healed system, and is CANCELLED']);
});

it('Liveness lets an order of a burst end otherwise, because faults came after it', () => {
  const later = [{ ...HEAL, type: 'invoke' } as const, { ...HEAL, type: 'ok' } as const];
  expect(checkLiveness(runWith({ kind: 'fresh', status: 'PARTIALLY_REFUNDED', later }))).toEqual([]);
});

it.each<[string, Partial<RunFacts>, string]>([
  ['never arrived', { mails: [] }, 'is SENT, and never arrived'],
  ['was never written', { messages: [], mails: [] }, 'there is no order-confirmed'],
  ['went elsewhere', { mails: runWith().mails.map((mail) => ({ ...mail, to: 'x@example.com' })) }, 'another order'],
  ['has another Message-ID', { mails: runWith().mails.map((mail) => ({ ...mail, messageId: '<x>' })) }, 'as <x>'],
  ['was given up', { messages: runWith().messages.map((row) => ({ ...row, state: 'GAVE_UP' })) }, 'was given up'],
  [
    'nobody sends',
    { messages: runWith().messages.map((row) => ({ ...row, state: 'PENDING' })) },
    'and nobody sends it',
  ],
])('A mail that %s is found', (_, changes, message) => {
  expect(messages(checkMails(runWith({}, changes))).join()).toContain(message);
});

it('A mail is not missed whose workflow was terminated or deleted when its order had ended, and only then', () => {
  const without = { messages: [], mails: [] };
  for (const op of ['terminate-workflows', 'delete-workflows', 'reset-workflows']) {
    const ended = (at: number) =>
      checkMails(runWith({ later: [{ who: 'nemesis', op, type: 'ok' }] }, { ...without, moves: movedAt(at) }));
    expect(messages(ended(0)).length, op).toBe(op === 'reset-workflows' ? 1 : 0);
    expect(messages(ended(Infinity)), op).toEqual(['CONFIRMED, and there is no order-confirmed']);
  }
});

/** The order is sold at a time. */
function movedAt(at: number): RunFacts['moves'] {
  return new Map([[ORDER, [{ orderId: ORDER, seq: 2, to: 'CONFIRMED', at }]]]);
}

it('A customer has been told of the sale and of a refund, but not of one at the provider itself', () => {
  const { messages: rows, mails } = runWith();
  const refunded = runWith({ status: 'REFUNDED', ledger: [sale, refund] }, { messages: rows, mails });
  expect(messages(checkMails(refunded))).toEqual(['REFUNDED, and there is no order-refunded']);
  expect(checkMails(movedOutside(refunded))).toEqual([]);
  const told = { orderId: ORDER, name: 'order-refunded.2', channel: 'email', state: 'SENT' };
  const arrived = mails.map((mail) => ({ ...mail, messageId: `<${ORDER}.order-refunded.2@order-saga.local>` }));
  expect(checkMails({ ...refunded, messages: [...rows, told], mails: [...mails, ...arrived] })).toEqual([]);
  const expired = runWith({ status: 'EXPIRED' }, { messages: [], mails: [] });
  expect(messages(checkMails(expired))).toEqual(['EXPIRED, and there is no order-expired']);
});
