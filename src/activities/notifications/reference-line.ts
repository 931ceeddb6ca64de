/** What mail programs turn into links: schemes, addresses, and names with a dot before letters. */
const LINK = /:\/\/|@|\b(?:mailto|tel|sms|javascript|data):|[\p{L}\p{N}-][.\u3002]\p{L}{2,}/iu;

/**
 * The line of a message that repeats the shop's reference. The person who fills a cart may have chosen the reference.
 * So it stays one line, and it is left out when it contains a link, because the shop's mail would then speak for a
 * stranger.
 */
export function referenceLine(reference: string | null): string {
  const line = (reference ?? '').replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line === '' || LINK.test(line.normalize('NFKC')) ? '' : `Your reference: ${line}\n`;
}
