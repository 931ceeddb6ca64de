/** One replacement in one file; `find` stands exactly once in it. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A bug that breaks one guarantee, for a run that must find it. */
export interface Plant {
  readonly title: string;
  /** The checks that must find it. What others find may only follow from a run that was cut short. */
  readonly foundBy: readonly string[];
  /** Words of the violation; any by default. */
  readonly says?: string;
  readonly edits: readonly Edit[];
}

/** The planted bugs by their names. */
export const PLANTS = {
  M1: {
    title: 'a charge has another key at each attempt, so the provider cannot recognize a repeat',
    foundBy: ['money', 'I6'],
    edits: [
      {
        file: 'src/gateways/simulator-payment-gateway.ts',
        find: '    route: method,\n    idempotencyKey: key,\n',
        replace: '    route: method,\n    idempotencyKey: `${key}:${globalThis.crypto.randomUUID()}`,\n',
      },
    ],
  },
  M2: {
    title: 'the undo of a payment is registered after the payment instead of before it',
    foundBy: ['money', 'I3'],
    edits: [
      {
        file: 'src/workflows/order-workflow.ts',
        find: `  saga.undoWith('payment', () => undo.returnPayment(totalMinor));
  const payment = await sale.takePayment(totalMinor);
`,
        replace: `  const payment = await sale.takePayment(totalMinor);
  saga.undoWith('payment', () => undo.returnPayment(totalMinor));
`,
      },
    ],
  },
  M3: {
    title: 'a release leaves no tombstone, so a hold that comes late takes the stock of an ended order',
    foundBy: ['I5'],
    edits: [
      {
        file: 'db/repositories/inventory/reservation-statements.ts',
        find: `  FROM jsonb_to_recordset($3::jsonb) AS line (sku text, quantity integer)
  ON CONFLICT (order_id, sku) DO NOTHING
), before AS (`,
        replace: `  FROM jsonb_to_recordset($3::jsonb) AS line (sku text, quantity integer) WHERE false
  ON CONFLICT (order_id, sku) DO NOTHING
), before AS (`,
      },
    ],
  },
  M4: {
    title: 'an order is answered with 202 before Temporal has stored it',
    foundBy: ['accepted'],
    edits: [
      {
        file: 'src/api/orders/order-starter.ts',
        find: `        return await withPatience(
          deps.health,
          startEagerly(deps, order).then((outcome) => outcome ?? turns.run(request, () => startQueued(deps, order))),
        );`,
        replace: `        void withPatience(
          deps.health,
          startEagerly(deps, order).then((outcome) => outcome ?? turns.run(request, () => startQueued(deps, order))),
        ).catch(() => {});
        return await Promise.resolve('started' as const);`,
      },
    ],
  },
  M5: {
    title: 'the relay from the orders to the event log drops every tenth change',
    foundBy: ['webhooks'],
    says: 'there is no delivery',
    edits: [
      {
        file: 'src/activities/events/order-feed.ts',
        find: '    oldest.map((change) => (',
        replace: '    oldest.filter(({ position }) => position % 10 !== 0).map((change) => (',
      },
    ],
  },
  M6: {
    title: 'an error of the payment’s undo is swallowed, and the order ends as if the money were back',
    foundBy: ['money', 'I3'],
    edits: [
      {
        file: 'src/activities/payments/undo-payment-activities.ts',
        find: '        await giveBack(gateway, book, { ...input, chargeKind, generation: each });\n',
        replace: '        await giveBack(gateway, book, { ...input, chargeKind, generation: each }).catch(() => {});\n',
      },
    ],
  },
  M7: {
    title: 'the hold reads the stock without a lock and writes what it has computed',
    foundBy: ['stock', 'I2'],
    edits: [
      {
        file: 'db/repositories/inventory/reservation-statements.ts',
        find: 'WHERE tenant_id = $2 AND sku = w.sku LIMIT 1 FOR NO KEY UPDATE',
        replace: 'WHERE tenant_id = $2 AND sku = w.sku LIMIT 1',
      },
    ],
  },
  M8: {
    title: 'a payment without an answer counts as declined',
    foundBy: ['ends'],
    edits: [
      {
        file: 'src/activities/payments/payment-activities.ts',
        find: "        if (isUncertain(error)) await note('UNKNOWN').catch(() => {});\n",
        replace: `        if (error instanceof PaymentOutcomeUnknownError) {
          return { kind: 'declined', declineCode: 'no_answer', soft: false };
        }
`,
      },
    ],
  },
  M9: {
    title: 'an order is read without the filter of its tenant',
    foundBy: ['answers'],
    edits: [
      {
        file: 'db/repositories/orders/order-statements.ts',
        find: '  ${LINES} AS lines, ${OPEN_CASE} AS attention, ${UNDER_WAY} AS "captureUnderWayMinor"\nFROM orders.orders o WHERE o.tenant_id = $1 AND o.order_id = $2`',
        replace:
          '  ${LINES} AS lines, ${OPEN_CASE} AS attention, ${UNDER_WAY} AS "captureUnderWayMinor"\nFROM orders.orders o WHERE $1::text IS NOT NULL AND o.order_id = $2`',
      },
    ],
  },
  M10: {
    title: 'a charge without an answer is posted again under a new key instead of being looked up',
    foundBy: ['money', 'I6'],
    edits: [
      {
        file: 'src/activities/payments/payment-activities.ts',
        find: '  const known = await gateway.lookup(charge, timeout(PAYMENT_LOOKUP_TIMEOUT_MS));\n',
        replace: `  if (activityInfo().attempt > 0) {
    return gateway.charge({ ...charge, key: \`\${charge.key}:again\` }, timeout(PAYMENT_CALL_TIMEOUT_MS));
  }
  const known = await gateway.lookup(charge, timeout(PAYMENT_LOOKUP_TIMEOUT_MS));
`,
      },
    ],
  },
  M11: {
    title: 'two commands of one order move its money at once',
    foundBy: ['money', 'I3', 'I4', 'I6', 'I14'],
    edits: [
      {
        file: 'src/domain/command.ts',
        find: '  const isOwned = ownerId !== null && ownerId !== rule.succeeds;\n',
        replace: '  const isOwned = false;\n',
      },
      {
        file: 'db/repositories/payments/payment-repository.ts',
        find: 'command_id = excluded.command_id WHERE t.turn <= excluded.turn\n',
        replace: 'command_id = excluded.command_id WHERE t.turn IS NOT NULL\n',
      },
      {
        file: 'db/repositories/payments/payment-repository.ts',
        find: '  SELECT FROM begun WHERE turn > $11::integer\n',
        replace: '  SELECT FROM begun WHERE turn > $11::integer AND false\n',
      },
    ],
  },
} as const satisfies Readonly<Record<string, Plant>>;
export type PlantName = keyof typeof PLANTS;

/** Whether a bug of this name can be planted. */
export function isPlant(name: string): name is PlantName {
  return Object.hasOwn(PLANTS, name);
}
