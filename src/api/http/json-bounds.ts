import { ProblemError } from './problem.ts';

/** Bodies up to this size are read in less time than it takes to send them, with any content. */
const HARMLESS_BYTES = 4 * 1024;

/** Levels of a body: the 32 of an event's properties, the levels around them, and some more for a clear answer. */
const DEPTH_MAX = 64;

/** Values of a body: 500 events with 100 each. The same number of different field names takes 60 ms to read. */
const VALUES_MAX = 50_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** Square brackets differ from curly ones in this bit. */
const CURLY = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/**
 * Refuses, before parsing, a body that is cheap to send and expensive to parse: nesting and a great number of values
 * cost a hundred times as much as the same bytes of text.
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

/** The index of the quote that ends a text, or the end of the body. */
function endOfText(bytes: Uint8Array, start: number): number {
  let index = start;
  while (index < bytes.byteLength && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}

function immodest(detail: string): ProblemError {
  return new ProblemError('validation_failed', detail, { errors: [{ pointer: '', detail }] });
}
