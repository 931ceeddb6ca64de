/** What programs that show mails make a link of: schemes, addresses, and names with a dot before letters. */
const LINK = /:\/\/|@|\b(?:mailto|tel|sms|javascript|data):|[\p{L}\p{N}-][.\u3002]\p{L}{2,}/iu;

/**
 * The line of a message that repeats the shop's reference. Whoever fills a cart may have chosen it: it is one line, and
 * left out when there is something to click on in it, because our mail would speak for a stranger.
 */
export function referenceLine(reference: string | null): string {
  const line = (reference ?? '').replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line === '' || LINK.test(line.normalize('NFKC')) ? '' : `Your reference: ${line}\n`;
}
