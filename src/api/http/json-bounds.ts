import { ProblemError } from './problem.ts';

/** Bodies up to this size are read in less time than it takes to send them, whatever is in them. */
const HARMLESS_BYTES = 4 * 1024;

/** Levels of a body: the 32 that the properties of an event may have, what is around them, and some for a clear answer. */
const DEPTH_MAX = 64;

/** Values of a body: 500 events with 100 each. As many different names of fields take 60 ms to read. */
const VALUES_MAX = 50_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** Square brackets differ from curly ones in this bit. */
const CURLY = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/**
 * Refuses a body that is cheap to send and dear to read, before it is read: nesting and a great number of values cost a
 * hundred times what the same bytes of text do.
 * @throws {ProblemError} `validation_failed`.
 */
export function requireModestJson(bytes: Uint8Array): void {
  if (bytes.byteLength <= HARMLESS_BYTES) return;
  let depth = 0;
  let values = 1;
  for (let index = 0; index < bytes.byteLength; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === QUOTE) index = endOfText(bytes, index + 1);
    else if (byte === COMMA) values += 1;
    else if ((byte | CURLY) === OPENING) {
      depth += 1;
      values += 1;
      if (depth > DEPTH_MAX) throw immodest(`the body has more than ${DEPTH_MAX} levels`);
    } else if ((byte | CURLY) === CLOSING) depth -= 1;
    if (values > VALUES_MAX) throw immodest(`the body has more than ${VALUES_MAX} values`);
  }
}

/** Where the quote is that ends a text, or the end of the body. */
function endOfText(bytes: Uint8Array, start: number): number {
  let index = start;
  while (index < bytes.byteLength && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}

function immodest(detail: string): ProblemError {
  return new ProblemError('validation_failed', detail, { errors: [{ pointer: '', detail }] });
}
