import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

/** A fenced block of a document. */
export interface Snippet {
  /** Document and first line, by which tests name the block. */
  readonly name: string;
  readonly text: string;
}

/** Every fenced block of every document, but for pictures. */
export function readSnippets(): Snippet[] {
  return globSync(['*.md', 'docs/**/*.md'], { cwd: PROJECT_FOLDER }).toSorted().flatMap(snippetsIn);
}

function snippetsIn(document: string): Snippet[] {
  const content = readFileSync(join(PROJECT_FOLDER, document), 'utf8');
  return [...content.matchAll(/^```(\w*)\n([^]*?)^```$/gm)]
    .filter(([, language]) => language !== 'mermaid')
    .map(([, , text = '']) => ({ name: `${document}: ${text.split('\n', 1)[0] ?? ''}`, text }));
}

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands like a person who pastes them into a shell, and answers yes to questions. */
export function paste(
  commands: string,
  options: { cwd: string; env: Record<string, string | undefined> },
): Promise<Ended> {
  return new Promise((resolve) => {
    const shell = execFile('sh', ['-e', '-c', commands], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
    // A command that asks nothing has closed its end.
    shell.stdin?.on('error', () => {});
    shell.stdin?.end('y\ny\ny\n');
  });
}

/** The shape of a JSON value: its fields by path, each with its type; for a list, the shape of its entries. */
export function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((entry: unknown) => shapeOf(entry, `${path}[]`)))];
  if (typeof value !== 'object' || value === null) return [`${path}: ${value === null ? 'null' : typeof value}`];
  return Object.entries(value).flatMap(([name, entry]) => shapeOf(entry, `${path}.${name}`));
}
