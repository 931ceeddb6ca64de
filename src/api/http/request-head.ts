import type { IncomingMessage } from 'node:http';

/**
 * What is wrong with the head of a request that Node's parser accepts; null when nothing is. It is checked before
 * anything else: a second Host, or a coding that only some servers know, would let two servers read one request as two.
 */
export function problemOfHead({ headers, rawHeaders, httpVersion }: IncomingMessage): string | null {
  const { host, 'transfer-encoding': coding } = headers;
  // Another version means another protocol, or another server behind this one.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'only HTTP/1.0 and HTTP/1.1 are spoken here';
  if (host === undefined) {
    // HTTP/1.0 health checks do not send it.
    if (httpVersion !== '1.0') return 'the Host header is missing';
  } else if (!URL.canParse(`http://${host}/`)) {
    return 'the Host header names no host';
  }
  if (timesSent(rawHeaders, 'host') > 1) return 'there is more than one Host header';
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return 'the only Transfer-Encoding here is chunked';
  }
  return null;
}

/** Node keeps the first of some headers and drops the others silently. */
function timesSent(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? '';
    if (sent.length === name.length && sent.toLowerCase() === name) times += 1;
  }
  return times;
}
