import type { ResealedRow, SealedPage, SealedRow, SealedRows } from '../../db/sealed-rows.ts';
import { reading } from '../audit/source-error.ts';
import {
  createTextSealer,
  type SealedText,
  type SealingKey,
  type TextSealer,
} from '../domain/personal-data/text-sealer.ts';
import { ContactUnreadableError } from '../domain/errors.ts';

/** What is sealed again, with its words for people. */
export const RESEALED_WORDS = {
  webhookSecrets: 'secret(s) of webhooks',
  webhookAddresses: 'address(es) of webhooks',
  orderContacts: 'contact(s) of orders',
  eventContents: 'content(s) of events',
  failedEventContents: 'content(s) of failed events',
} as const;
export type ResealedKind = keyof typeof RESEALED_WORDS;

/** What one kind of sealed rows is, and where they are. */
export interface ResealedRows {
  readonly kind: ResealedKind;
  /** The database, in words. */
  readonly source: string;
  readonly rows: SealedRows;
}

/** Sealed rows of one kind whose key is unknown, or whose box was changed. */
export interface UnreadableRows {
  readonly kind: ResealedKind;
  readonly keyId: string;
  readonly count: number;
  /** Where the first of them is. */
  readonly first: string;
}

/** The result of sealing again. */
export interface Resealed {
  readonly keyId: string;
  /** How many were sealed again, by kind. */
  readonly resealed: Readonly<Partial<Record<ResealedKind, number>>>;
  readonly unreadable: readonly UnreadableRows[];
}

/**
 * Seals with the newest key everything that older keys have sealed. Repeating it is harmless, and the system works
 * meanwhile; a run that was interrupted is continued by the next one.
 */
export async function reseal(
  sources: readonly ResealedRows[],
  keys: readonly [SealingKey, ...SealingKey[]],
): Promise<Resealed> {
  const resealed: Partial<Record<ResealedKind, number>> = {};
  const unreadable: UnreadableRows[] = [];
  for (const source of sources) {
    const result = await resealAll(source, keys);
    resealed[source.kind] = result.count;
    unreadable.push(...result.unreadable);
  }
  return { keyId: keys[0].id, resealed, unreadable };
}

async function resealAll({ kind, source, rows }: ResealedRows, keys: readonly [SealingKey, ...SealingKey[]]) {
  const [{ id: keyId }] = keys;
  const sealer = createTextSealer(keys);
  const unreadable = new Map<string, UnreadableRows>();
  let count = 0;
  let after: string | null = null;
  do {
    const page: SealedPage = await reading(source, rows.list(keyId, after));
    const anew: ResealedRow[] = [];
    for (const row of page.rows) {
      const sealed = sealAnew(sealer, row);
      if (sealed === null) noteUnreadable(unreadable, kind, row);
      else anew.push({ ...row, anew: sealed });
    }
    if (anew.length > 0) count += await reading(source, rows.replace(anew));
    after = page.next;
  } while (after !== null);
  return { count, unreadable: [...unreadable.values()] };
}

/** Null when the row cannot be opened. */
function sealAnew(sealer: TextSealer, { about, sealed }: SealedRow): SealedText | null {
  try {
    return sealer.seal(about, sealer.open(about, sealed));
  } catch (error) {
    if (error instanceof ContactUnreadableError) return null;
    throw error;
  }
}

function noteUnreadable(
  unreadable: Map<string, UnreadableRows>,
  kind: ResealedKind,
  { place, sealed: { keyId } }: SealedRow,
): void {
  const { count, first } = unreadable.get(keyId) ?? { count: 0, first: place };
  unreadable.set(keyId, { kind, keyId, count: count + 1, first });
}
