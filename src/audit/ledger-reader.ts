import { z } from 'zod';
import type { LedgerEntry } from './facts.ts';
import { reading } from './source-error.ts';

/** The provider's ledger by order. */
export interface LedgerReader {
  list(): Promise<Map<string, LedgerEntry[]>>;
  /** Entries of some orders; orders without entries are absent. */
  listOf(orderIds: readonly string[]): Promise<Map<string, LedgerEntry[]>>;
}

const ledgerAnswer = z.object({
  entries: z.array(
    z.object({
      orderId: z.string(),
      key: z.string(),
      kind: z.string(),
      amountMinor: z.number(),
      currency: z.string(),
      state: z.string(),
    }),
  ),
});

/** 100,000 entries are about 20 MB, written and read in a second or two; a minute covers a busy machine. */
const ANSWER_WITHIN_MS = 60_000;

/**
 * The provider walks through its whole ledger for each order, so the whole ledger is read when many orders are asked for.
 */
const SINGLE_QUESTIONS_MAX = 20;

/** Reads `GET {baseUrl}/ledger`. */
export function createLedgerReader(baseUrl: string): LedgerReader {
  const source = `the payment ledger at ${baseUrl}`;
  const ask = (query: string): Promise<LedgerEntry[]> =>
    reading(source, fetchEntries(new URL(`/ledger${query}`, baseUrl)));
  const list = async (): Promise<Map<string, LedgerEntry[]>> => byOrder(await ask(''));
  return {
    list,
    listOf: async (orderIds) => {
      if (orderIds.length > SINGLE_QUESTIONS_MAX) return list();
      const answers = await Promise.all(orderIds.map((id) => ask(`?orderId=${encodeURIComponent(id)}`)));
      return byOrder(answers.flat());
    },
  };
}

async function fetchEntries(url: URL): Promise<LedgerEntry[]> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (response.status !== 200) throw new Error(`it answered ${response.status}`);
  return ledgerAnswer.parse(await response.json()).entries;
}

function byOrder(entries: readonly LedgerEntry[]): Map<string, LedgerEntry[]> {
  return Map.groupBy(entries, ({ orderId }) => orderId);
}
