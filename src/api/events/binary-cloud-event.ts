import { isUtf8 } from 'node:buffer';
import { ProblemError } from '../http/problem.ts';

/** The prefix of CloudEvent headers in binary mode; the rest of the name is the attribute's. */
const PREFIX = 'ce-';

const JSON_TYPE = /^(?:application|text)\/(?:[^;\s]+\+)?json\s*(?:;|$)/i;
const TEXT_TYPE = /^text\//i;

/** Attributes that come from the body or from `Content-Type` in binary mode. */
const NOT_IN_HEADERS: ReadonlySet<string> = new Set(['data', 'data_base64', 'datacontenttype']);

/** The attributes in the headers of an event in binary mode. */
export function binaryAttributes(headers: Readonly<Record<string, string>>): Record<string, string> {
  const names = Object.keys(headers).filter((name) => name.startsWith(PREFIX));
  const attributes = names.map((header): [string, string] => {
    const name = header.slice(PREFIX.length);
    if (NOT_IN_HEADERS.has(name)) throw odd(name, 'must not be a header');
    return [name, headerText(name, headers[header] ?? '')];
  });
  const contentType = headers['content-type'];
  return Object.fromEntries(contentType === undefined ? attributes : [...attributes, ['datacontenttype', contentType]]);
}

/** An event in binary mode, converted to the JSON format: its body becomes JSON, a text, or base64. */
export function toJsonFormat(attributes: Readonly<Record<string, string>>, body: Buffer): Record<string, unknown> {
  if (body.byteLength === 0) return attributes;
  const type = attributes['datacontenttype'] ?? '';
  if (JSON_TYPE.test(type)) {
    if (!isUtf8(body)) throw new ProblemError('malformed_json', 'the body is not UTF-8');
    return { ...attributes, data: parse(body) };
  }
  if (TEXT_TYPE.test(type) && isUtf8(body)) return { ...attributes, data: body.toString('utf8') };
  return { ...attributes, data_base64: body.toString('base64') };
}

/** Removes quotes and the escapes inside them, then reads percent-encoded characters as UTF-8. */
function headerText(name: string, value: string): string {
  if (/[^\u0020-\u007e]/.test(value)) throw odd(name, 'must be ASCII: everything else is percent-encoded UTF-8');
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1];
  const bare = quoted === undefined ? value : quoted.replaceAll(/\\(.)/g, '$1');
  try {
    return decodeURIComponent(bare);
  } catch {
    throw odd(name, 'must be percent-encoded UTF-8');
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new ProblemError('malformed_json', 'the body is not valid JSON');
  }
}

function odd(name: string, detail: string): ProblemError {
  return new ProblemError('validation_failed', 'this is no CloudEvent that is accepted here', {
    errors: [{ pointer: `/${name.slice(0, 100)}`, detail }],
  });
}
