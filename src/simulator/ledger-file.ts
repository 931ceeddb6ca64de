import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

const NEWLINE = 0x0a;

/** A line before the last one cannot be read: the file was edited or the disk is bad, so nothing is guessed. */
class LedgerCorruptError extends Error {
  readonly file: string;
  readonly line: number;

  constructor(file: string, line: number, cause: unknown) {
    super(`ledger file ${file} is corrupt in line ${line}`, { cause });
    this.name = 'LedgerCorruptError';
    this.file = file;
    this.line = line;
  }
}

/** The disk refused a write: the memory may be ahead of the file, so the ledger gives no more answers. */
class LedgerUnavailableError extends Error {
  constructor(file: string, cause?: unknown) {
    super(`ledger file ${file} cannot be written`, { cause });
    this.name = 'LedgerUnavailableError';
  }
}

/** An append-only file of lines. */
export interface LedgerFile {
  /** Takes a line (without newline) for the next write; it is safe only when a later `durable()` has resolved. */
  append(line: string): void;
  /** Resolves when every line appended so far is fsynced; rejects for ever after a failed write. */
  durable(): Promise<void>;
  /** Writes what is left and closes; later appends throw. */
  close(): Promise<void>;
}

interface Batch {
  readonly lines: string[];
  readonly written: PromiseWithResolvers<void>;
}

/**
 * Opens or creates the file and passes every whole line to `onLine`, in order. A torn last line (from a crash in the
 * middle of a write, so it was never answered) is dropped with a warning. The file itself is cut only at the first
 * write, so a second process that starts by mistake and then fails on its port changes nothing.
 */
export async function openLedgerFile(
  file: string,
  onLine: (line: string) => void,
  warn: (message: string) => void,
): Promise<LedgerFile> {
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(file, 'a');
  try {
    const content = await readFile(file);
    if (content.length === 0) await syncDirectory(path.dirname(file));
    const wholeBytes = readLines(file, content, onLine);
    const torn = wholeBytes < content.length;
    if (torn) warn(`ledger file ${file}: dropped a torn last line of ${content.length - wholeBytes} bytes`);
    return new GroupCommitFile(file, handle, torn ? wholeBytes : undefined);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Returns the length of the readable part; only the last line may be unreadable. */
function readLines(file: string, content: Buffer, onLine: (line: string) => void): number {
  let start = 0;
  for (let line = 1; start < content.length; line++) {
    const end = content.indexOf(NEWLINE, start);
    if (end === -1) return start;
    try {
      onLine(content.toString('utf8', start, end));
    } catch (error) {
      if (end + 1 < content.length) throw new LedgerCorruptError(file, line, error);
      return start;
    }
    start = end + 1;
  }
  return start;
}

/** The name of a new file is durable only when its directory is synced too; Windows has no such call. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Lines that arrive while an fsync runs share the next one: the busier the simulator, the fewer fsyncs per line. */
class GroupCommitFile implements LedgerFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  #cutAt: number | undefined;
  #collecting: Batch | undefined;
  #flushing: Batch | undefined;
  #failure: LedgerUnavailableError | undefined;
  #closing: Promise<void> | undefined;

  constructor(file: string, handle: FileHandle, cutAt: number | undefined) {
    this.#file = file;
    this.#handle = handle;
    this.#cutAt = cutAt;
  }

  append(line: string): void {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw new LedgerUnavailableError(this.#file, 'closed');
    this.#collecting ??= createBatch();
    this.#collecting.lines.push(line);
    if (!this.#flushing) void this.#flush();
  }

  async durable(): Promise<void> {
    if (this.#failure) throw this.#failure;
    await (this.#collecting ?? this.#flushing)?.written.promise;
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    try {
      await this.durable();
    } finally {
      await this.#handle.close();
    }
  }

  /** Never rejects: a failure is stored, and reported to every present and later caller. */
  async #flush(): Promise<void> {
    while (this.#collecting) {
      const batch = this.#collecting;
      this.#flushing = batch;
      this.#collecting = undefined;
      try {
        if (this.#failure) throw this.#failure;
        await this.#write(batch);
        batch.written.resolve();
      } catch (error) {
        this.#failure ??= new LedgerUnavailableError(this.#file, error);
        batch.written.reject(this.#failure);
      }
    }
    this.#flushing = undefined;
  }

  async #write(batch: Batch): Promise<void> {
    if (this.#cutAt !== undefined) await this.#handle.truncate(this.#cutAt);
    this.#cutAt = undefined;
    await this.#handle.appendFile(`${batch.lines.join('\n')}\n`);
    await this.#handle.datasync();
  }
}

function createBatch(): Batch {
  const written = Promise.withResolvers<void>();
  // A batch may have no reader (an effect that lands late); its failure is stored and reported to the next caller.
  written.promise.catch(() => undefined);
  return { lines: [], written };
}
