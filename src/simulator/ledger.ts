import { z } from 'zod';
import { openLedgerFile } from './ledger-file.ts';

const shared = {
  id: z.string(),
  key: z.string(),
  orderId: z.string(),
  amountMinor: z.number(),
  currency: z.string(),
  at: z.string(),
};

const chargeSchema = z.object({
  ...shared,
  kind: z.enum(['sale', 'authorize']),
  state: z.enum(['SUCCEEDED', 'DECLINED']),
  method: z.string(),
  /** The requested amount; `amountMinor` is the charged one (they differ for `pm_wrong_amount`). */
  requestedMinor: z.number(),
  decline: z.object({ code: z.string(), retryable: z.boolean() }).optional(),
});

const movementSchema = z.object({
  ...shared,
  kind: z.enum(['capture', 'refund']),
  state: z.literal('SUCCEEDED'),
  /** The key of the charge that is captured or refunded. */
  target: z.string(),
  /** Made at the provider itself and not by the merchant's system; its key is its own id. */
  external: z.literal(true).optional(),
});

const voidSchema = z.object({
  ...shared,
  kind: z.literal('void'),
  state: z.literal('SUCCEEDED'),
  /** The voided key; the charge under it may be known or not. */
  target: z.string(),
  result: z.enum(['voided', 'tombstoned']),
});

const recordSchema = z.discriminatedUnion('kind', [chargeSchema, movementSchema, voidSchema]);

/** A sale or an authorization, taken or declined. */
type ChargeRecord = Readonly<z.infer<typeof chargeSchema>>;
/** A capture or a refund of a charge. */
export type MovementRecord = Readonly<z.infer<typeof movementSchema>>;
/** A void: of an authorization, or of a key under which nothing was known (a tombstone). */
export type VoidRecord = Readonly<z.infer<typeof voidSchema>>;
/** One effect, as one line of the file. Never changed after it was written. */
export type LedgerRecord = ChargeRecord | MovementRecord | VoidRecord;

/** The public part of a record: the row that auditors compare with their own books. */
export type LedgerEntry = Pick<LedgerRecord, 'orderId' | 'key' | 'kind' | 'amountMinor' | 'currency' | 'state' | 'at'>;

/** A charge with the sums of its captures and refunds; always refunded <= captured <= authorized. */
export interface Charge {
  readonly record: ChargeRecord;
  readonly authorizedMinor: number;
  readonly capturedMinor: number;
  readonly refundedMinor: number;
}

/** The part of the ledger that decisions are made from. */
export interface LedgerView {
  /** The effect written under this key, of any kind. */
  find(key: string): LedgerRecord | undefined;
  /** The charge written under this key, with its balance. */
  charge(key: string): Charge | undefined;
  /** Captures and refunds of the charge under this key, in the order of their effect. */
  movementsOf(key: string): readonly MovementRecord[];
  /** The void that names this key as its target. */
  voidOf(key: string): VoidRecord | undefined;
}

/** The provider's book: an append-only file with an index in memory. */
export interface Ledger extends LedgerView {
  /** Visible at once to this process, but no answer may depend on it before `durable()` resolves. */
  append(record: LedgerRecord): void;
  /** Resolves when every entry so far survives `kill -9` and a power cut. */
  durable(): Promise<void>;
  /** All entries in the order of their effect, or those of one order. */
  entries(orderId?: string): LedgerEntry[];
  close(): Promise<void>;
}

/** Loads the ledger from its file, which is created if absent. Throws `LedgerCorruptError`. */
export async function openLedger(file: string, warn: (message: string) => void): Promise<Ledger> {
  const index = createIndex();
  const lines = await openLedgerFile(file, (line) => index.add(recordSchema.parse(JSON.parse(line))), warn);
  return {
    ...index.view,
    append(record) {
      lines.append(JSON.stringify(record));
      index.add(record);
    },
    durable: () => lines.durable(),
    entries: (orderId) => index.entries(orderId),
    close: () => lines.close(),
  };
}

interface LedgerIndex {
  readonly view: LedgerView;
  add(record: LedgerRecord): void;
  entries(orderId: string | undefined): LedgerEntry[];
}

function createIndex(): LedgerIndex {
  const byKey = new Map<string, LedgerRecord>();
  const charges = new Map<string, Charge>();
  const movements = new Map<string, MovementRecord[]>();
  const voids = new Map<string, VoidRecord>();

  function add(record: LedgerRecord): void {
    byKey.set(record.key, record);
    switch (record.kind) {
      case 'sale':
      case 'authorize':
        charges.set(record.key, openingBalance(record));
        return;
      case 'capture':
      case 'refund':
        move(record);
        return;
      case 'void':
        voids.set(record.target, record);
        return;
    }
  }

  function move(record: MovementRecord): void {
    const charge = charges.get(record.target);
    if (!charge) throw new Error(`${record.kind} ${record.key} names the unknown charge ${record.target}`);
    charges.set(record.target, afterMovement(charge, record));
    movements.set(record.target, [...(movements.get(record.target) ?? []), record]);
  }

  return {
    add,
    view: {
      find: (key) => byKey.get(key),
      charge: (key) => charges.get(key),
      movementsOf: (key) => movements.get(key) ?? [],
      voidOf: (key) => voids.get(key),
    },
    // A Map keeps insertion order, and a key is inserted once, so the index is also the list of entries.
    entries: (orderId) =>
      [...byKey.values()].filter((record) => orderId === undefined || record.orderId === orderId).map(entryOf),
  };
}

function openingBalance(record: ChargeRecord): Charge {
  const authorizedMinor = record.state === 'SUCCEEDED' ? record.amountMinor : 0;
  return { record, authorizedMinor, capturedMinor: record.kind === 'sale' ? authorizedMinor : 0, refundedMinor: 0 };
}

function afterMovement(charge: Charge, movement: MovementRecord): Charge {
  return movement.kind === 'capture'
    ? { ...charge, capturedMinor: charge.capturedMinor + movement.amountMinor }
    : { ...charge, refundedMinor: charge.refundedMinor + movement.amountMinor };
}

function entryOf(record: LedgerRecord): LedgerEntry {
  const { orderId, key, kind, amountMinor, currency, state, at } = record;
  return { orderId, key, kind, amountMinor, currency, state, at };
}
