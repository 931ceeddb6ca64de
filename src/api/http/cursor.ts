import { ProblemError } from './problem.ts';

/** Packs the sort key of a page's last item into an opaque cursor. */
export function encodeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts), 'utf8').toString('base64url');
}

/** Unpacks a cursor. A text that is not a cursor gives an empty list, which the caller refuses. */
export function decodeCursor(cursor: string): readonly string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
  } catch {
    return [];
  }
}

/** The answer to a cursor that no page has had. */
export function foreignCursor(): ProblemError {
  return new ProblemError('validation_failed', 'the cursor is not one of ours', {
    errors: [{ pointer: '#/query/cursor', detail: 'must be the nextCursor of an earlier page' }],
  });
}

/** One page of a list that was read one item past its limit, which tells whether another page follows. */
export function toPage<Item>(
  found: readonly Item[],
  limit: number,
  sortKeyOf: (item: Item) => readonly string[],
): { items: Item[]; nextCursor: string | null } {
  const items = found.slice(0, limit);
  const last = found.length > limit ? items.at(-1) : undefined;
  return { items, nextCursor: last === undefined ? null : encodeCursor(sortKeyOf(last)) };
}
