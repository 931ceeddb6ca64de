import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { renderTable } from './markdown-table.ts';

const FOLDER = resolve(import.meta.dirname, '../docs/adr');

/** One architecture decision record, as its file name and its first lines state it. */
export interface Decision {
  readonly file: string;
  /** Four digits. */
  readonly number: string;
  readonly title: string;
  readonly status: string;
  readonly date: string;
  /** What the status line says about other records; may be empty. */
  readonly relations: string;
}

/** A decision record does not have the form of `docs/adr/template.md`; the message says where. */
export class DecisionFormError extends Error {
  constructor(file: string, problem: string) {
    super(`docs/adr/${file}: ${problem}`);
    this.name = 'DecisionFormError';
  }
}

const FILE_NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md$/;
const STATUS_LINE = /^Status: (proposed|accepted|superseded)\. Date: (\d{4}-\d{2}-\d{2})\.(?: (.+))?$/;

/**
 * Reads the number, title and status of one record.
 * @throws {DecisionFormError}
 */
export function readDecision(file: string, text: string): Decision {
  const number = FILE_NAME.exec(file)?.[1];
  if (number === undefined) throw new DecisionFormError(file, 'the name is not NNNN-words-with-hyphens.md');
  const [heading = '', statusLine = ''] = text.split('\n\n').map((paragraph) => paragraph.replaceAll('\n', ' ').trim());
  const title = heading.startsWith(`# ${number}. `) ? heading.slice(`# ${number}. `.length) : '';
  if (title === '') throw new DecisionFormError(file, `the first line is not "# ${number}. Title"`);
  const [, status, date, relations = ''] = STATUS_LINE.exec(statusLine) ?? [];
  if (status === undefined || date === undefined) {
    throw new DecisionFormError(file, 'the second paragraph is not "Status: accepted. Date: YYYY-MM-DD."');
  }
  return { file, number, title, status, date, relations };
}

/**
 * `docs/adr/README.md`, made from the records beside it.
 * @throws {DecisionFormError}
 */
export function renderDecisionIndex(): string {
  const files = globSync('*.md', { cwd: FOLDER }).filter((file) => !['README.md', 'template.md'].includes(file));
  return renderIndexOf(files.map((file) => readDecision(file, readFileSync(resolve(FOLDER, file), 'utf8'))));
}

/**
 * The index of these records, in the order of their numbers.
 * @throws {DecisionFormError} when two records have one number.
 */
export function renderIndexOf(decisions: readonly Decision[]): string {
  const sorted = decisions.toSorted((one, other) => one.file.localeCompare(other.file, 'en'));
  const twin = sorted.find(({ number }, index) => sorted[index - 1]?.number === number);
  if (twin !== undefined) throw new DecisionFormError(twin.file, 'another record has the same number');
  return `# Decisions

<!-- Made by \`npm run docs\` from the files of this folder. -->

A decision record says why the code is as it is, where a reader would ask "why not the other way?". To add one, copy
[template.md](template.md) to the next free number and run \`npm run docs\`, which adds it to this list. A decision that
no longer holds keeps its record: its status becomes \`superseded\`, with a link to the record that replaces it.

${renderTable(['Number', 'Decision', 'Status', 'Date', 'Other records'], sorted.map(decisionRow))}
`;
}

function decisionRow({ file, number, title, status, date, relations }: Decision): string[] {
  return [`[${number}](${file})`, title, status, date, relations];
}
