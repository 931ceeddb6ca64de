import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { CURRENCY_EXPONENTS } from '../../domain/payments/currency.ts';

/** A file of the console, ready to be sent. */
export interface ConsoleAsset {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Quoted, strong. */
  readonly etag: string;
}

/** The console's files. Their version is a hash over all of them, so an address with it never changes its content. */
export interface ConsoleAssets {
  readonly version: string;
  readonly page: ConsoleAsset;
  readonly files: ReadonlyMap<string, ConsoleAsset>;
}

const FOLDER = join(import.meta.dirname, 'browser');

const PAGE = 'index.html';

/** The placeholder for the version in the page. */
const VERSION_PLACEHOLDER = '{version}';

/** The module with the digits of currencies, and its placeholder. */
const CURRENCIES = 'currencies.js';
const EXPONENTS_PLACEHOLDER = '{exponents}';

/** Only these kinds of files are served. */
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Reads the files; the folder is part of the program, so it does not change while that runs. */
export async function loadConsoleAssets(): Promise<ConsoleAssets> {
  const names = (await readdir(FOLDER)).filter((name) => extname(name) in TYPES).toSorted();
  const contents = await Promise.all(names.map((name) => readFile(join(FOLDER, name), 'utf8')));
  const texts = new Map(names.map((name, index) => [name, contents[index] ?? '']));
  texts.set(CURRENCIES, withExponents(texts.get(CURRENCIES) ?? ''));
  const version = hashOf(JSON.stringify([...texts]));
  const page = (texts.get(PAGE) ?? '').replaceAll(VERSION_PLACEHOLDER, version);
  texts.delete(PAGE);
  return {
    version,
    page: toAsset(PAGE, page),
    files: new Map([...texts].map(([name, text]) => [name, toAsset(name, text)])),
  };
}

function withExponents(module: string): string {
  return module.replace(EXPONENTS_PLACEHOLDER, JSON.stringify(Object.fromEntries(CURRENCY_EXPONENTS)));
}

function toAsset(name: string, text: string): ConsoleAsset {
  return { content: new TextEncoder().encode(text), type: TYPES[extname(name)] ?? '', etag: `"${hashOf(text)}"` };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
