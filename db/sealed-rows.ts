import type { SealedText } from '../src/domain/personal-data/text-sealer.ts';

/** Something sealed that an older key than the newest has sealed. */
export interface SealedRow {
  /** Where it is stored, for the repository and for people. */
  readonly place: string;
  /** What it is sealed about. */
  readonly about: string;
  readonly sealed: SealedText;
}

/** A row with what replaces its sealed text. */
export interface ResealedRow extends SealedRow {
  readonly anew: SealedText;
}

/** Some of the rows, and where the next ones begin; null at the end. */
export interface SealedPage {
  readonly rows: readonly SealedRow[];
  readonly next: string | null;
}

/** Everything of one kind that is sealed in the database, of all tenants. */
export interface SealedRows {
  /** Looks at a bounded number of rows after a place, and answers those that another key than `keyId` has sealed. */
  list(keyId: string, after: string | null): Promise<SealedPage>;
  /**
   * Replaces the rows that are still sealed as they were.
   * @returns how many were replaced.
   */
  replace(rows: readonly ResealedRow[]): Promise<number>;
}
